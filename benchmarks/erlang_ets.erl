%% Times ets for erlang.py: reads what to run, line by line, and answers with the seconds that it took.
%% One process, binaries as keys, in random order; what a run needs is made before its time begins.
-module(erlang_ets).
-export([main/0]).

main() ->
    [Argument] = init:get_plain_arguments(),
    Rows = list_to_integer(Argument),
    rand:seed(exsss, 1),
    Numbers = [N || {_, N} <- lists:sort([{rand:uniform(), N} || N <- lists:seq(0, Rows - 1)])],
    Keys = [iolist_to_binary(["user:", integer_to_list(N)]) || N <- Numbers],
    serve(Keys, #{set => filled(set, Keys), ordered_set => filled(ordered_set, Keys)}).

serve(Keys, Tables) ->
    case io:get_line("") of
        eof ->
            halt();
        "about\n" ->
            Release = erlang:system_info(otp_release),
            io:format("OTP ~s, ~s~n", [Release, erlang:system_info(emu_flavor)]),
            serve(Keys, Tables);
        Line ->
            [Verb, Kind] = string:lexemes(string:trim(Line), " "),
            Type = list_to_existing_atom(Kind),
            io:format("~.9f~n", [timed(Verb, Type, Keys, maps:get(Type, Tables))]),
            serve(Keys, Tables)
    end.

timed("fill", Type, Keys, _) ->
    Table = empty(Type),
    Seconds = seconds(fun() -> insert(Keys, Table, 1) end),
    ets:delete(Table),
    Seconds;
timed("delete", Type, Keys, _) ->
    Table = filled(Type, Keys),
    Seconds = seconds(fun() -> delete(Keys, Table) end),
    ets:delete(Table),
    Seconds;
timed("insert", _, Keys, Table) -> seconds(fun() -> insert(Keys, Table, 1) end);
timed("lookup", _, Keys, Table) -> seconds(fun() -> lookup(Keys, Table) end);
timed("member", _, Keys, Table) -> seconds(fun() -> member(Keys, Table) end);
timed("next", _, Keys, Table) -> seconds(fun() -> next(Keys, Table) end);
timed("walk", _, _, Table) -> seconds(fun() -> walk(ets:first(Table), Table) end);
timed("update_counter", _, Keys, Table) -> seconds(fun() -> count(Keys, Table) end).

seconds(Run) ->
    erlang:garbage_collect(),
    Start = erlang:monotonic_time(nanosecond),
    Run(),
    (erlang:monotonic_time(nanosecond) - Start) / 1.0e9.

empty(Type) -> ets:new(table, [Type, public]).

filled(Type, Keys) ->
    Table = empty(Type),
    insert(Keys, Table, 0),
    Table.

insert([Key | Keys], Table, Value) ->
    ets:insert(Table, {Key, Value}),
    insert(Keys, Table, Value);
insert([], _, _) -> ok.

lookup([Key | Keys], Table) ->
    [_] = ets:lookup(Table, Key),
    lookup(Keys, Table);
lookup([], _) -> ok.

member([Key | Keys], Table) ->
    true = ets:member(Table, Key),
    member(Keys, Table);
member([], _) -> ok.

next([Key | Keys], Table) ->
    _ = ets:next(Table, Key),
    next(Keys, Table);
next([], _) -> ok.

walk('$end_of_table', _) -> ok;
walk(Key, Table) -> walk(ets:next(Table, Key), Table).

count([Key | Keys], Table) ->
    _ = ets:update_counter(Table, Key, 1),
    count(Keys, Table);
count([], _) -> ok.

delete([Key | Keys], Table) ->
    true = ets:delete(Table, Key),
    delete(Keys, Table);
delete([], _) -> ok.
