"""Moving money: out of one account, into another, and never half of it.

The problem: a transfer writes two accounts, in two tables. Between the two writes the money is nowhere, and whoever
adds everything up just then finds too little; if the second write fails, it is gone. Locks help, if everybody takes
them, in one order, and lets go of them in every case. A transaction needs none: its writes are done at once, or not at
all.

Run it: python examples/money_transfer.py
"""

from __future__ import annotations

import random
import threading

from noex import ets
from noex.errors import TransactionConflict

PEOPLE = ("ada", "bo", "cleo", "dan")
THREADS = 8
TRANSFERS = 200  # of each thread

Accounts = ets.SetTable[str, int]


class Bank:
    """Checking and savings accounts, and how many transfers there were."""

    def __init__(self) -> None:
        # One store: a transaction is over the tables of one.
        self.store = ets.Store()
        self.checking = Accounts("checking", store=self.store)
        self.savings = Accounts("savings", store=self.store)
        self.counts = ets.SetTable[str, int]("counts", store=self.store)
        self.checking.insert_many(dict.fromkeys(PEOPLE, 100))
        self.savings.insert_many(dict.fromkeys(PEOPLE, 0))

    def transfer(self, payer: str, saver: str, amount: int) -> int:
        """Move money from a checking to a savings account (back, if negative); return what the payer has left.

        Raises:
            ValueError: there is not enough; nothing is changed.
        """

        def move(tx: ets.Transaction) -> int:
            # Trap: this function may run several times, so it does nothing but read and write through `tx`. A message
            # to the customer is sent after `transact` has returned.
            left = tx[self.checking].update_counter(payer, -amount)
            kept = tx[self.savings].update_counter(saver, amount)
            # What was written above is thrown away when this raises.
            if left < 0 or kept < 0:
                raise ValueError(f"{payer} and {saver} cannot move {amount}")
            tx[self.counts].update_counter("transfers")
            return int(left)

        return self.store.transact(move)

    def total(self) -> int:
        """Return all the money, at one instant over both tables."""
        return self.store.transact(lambda tx: sum(tx[self.checking].values()) + sum(tx[self.savings].values()))


def show_one(bank: Bank) -> None:
    """Move money once, and once too much."""
    print("Ada saves 30, and has left:", bank.transfer("ada", "ada", 30))
    try:
        bank.transfer("ada", "ada", 1000)
    except ValueError as error:
        print("Refused:", error)
    print("  checking:", bank.checking["ada"], "- savings:", bank.savings["ada"], "- all:", bank.total())


def show_threads(bank: Bank) -> None:
    """Move money in eight threads, back and forth, while somebody adds it up."""
    sums: set[int] = set()
    done = threading.Event()
    moved: list[int] = []

    def work(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - the same transfers in every run
        successes = 0
        for _ in range(TRANSFERS):
            try:
                bank.transfer(chance.choice(PEOPLE), chance.choice(PEOPLE), chance.randint(-20, 20))
                successes += 1
            except ValueError:
                pass  # not enough money
        moved.append(successes)

    def audit() -> None:
        while not done.is_set():
            sums.add(bank.total())

    auditor = threading.Thread(target=audit)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in (auditor, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    auditor.join()
    sums.add(bank.total())
    print(f"{THREADS} threads, {TRANSFERS} transfers each:")
    print("  sums that were seen:", sums)
    # The counter is part of each transaction: it has counted those that were done, not those that were tried.
    print("  every transfer is counted once:", bank.counts["transfers"] == sum(moved) + 1)
    print("  nobody owes:", all(amount >= 0 for table in (bank.checking, bank.savings) for amount in table.values()))


def show_retries(bank: Bank) -> None:
    """Let somebody else write what a transaction has read: it runs again, with what is there now."""
    bank.checking.insert("ada", 100)
    seen: list[int] = []

    def double(tx: ets.Transaction) -> None:
        amount = tx[bank.checking]["ada"]
        seen.append(amount)  # against the rule, to show the runs
        if len(seen) == 1:
            bank.checking.insert("ada", 7)  # stands for another thread
        tx[bank.checking]["ada"] = 2 * amount

    bank.store.transact(double)
    print("Runs:", seen, "- result:", bank.checking["ada"])

    def restless(tx: ets.Transaction) -> None:
        amount = tx[bank.checking]["ada"]
        bank.checking.update_counter("ada")
        tx[bank.checking]["ada"] = amount

    try:
        bank.store.transact(restless, retries=2)
    except TransactionConflict as error:
        print("Given up:", error)


def main() -> None:
    """Show it all."""
    bank = Bank()
    show_one(bank)
    show_threads(bank)
    show_retries(bank)
    bank.store.close()


if __name__ == "__main__":
    main()

# The verb that does this: noex.ets.Store.transact; more in docs/howto/transactions.md.
