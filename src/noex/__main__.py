"""`python -m noex` is the command `noex`."""

from __future__ import annotations

from noex.cli import main

if __name__ == "__main__":
    main()
