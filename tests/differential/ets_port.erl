%% The Erlang side of the differential tests: lists of calls come in, the list of their results goes out.
%%
%% Requests and answers are terms in the external term format, each after its length in 4 bytes. A call is
%% {Function, Arguments}; unless it stands below, it is ets:Function(Table, Arguments...). Its result is
%% {ok, Term} or {error, Reason}. The program ends with its input, so it cannot be left behind.
-module(ets_port).
-export([main/0]).

main() ->
    Port = open_port({fd, 0, 1}, [{packet, 4}, binary, eof]),
    try
        serve(Port, none)
    catch
        Class:Reason:Stack ->
            %% Standard output is for answers alone.
            io:format(standard_error, "~p:~p~n~p~n", [Class, Reason, Stack]),
            halt(1)
    end.

serve(Port, Table) ->
    receive
        {Port, {data, Request}} ->
            {Answers, Current} = lists:mapfoldl(fun answer/2, Table, binary_to_term(Request)),
            port_command(Port, term_to_binary(Answers)),
            serve(Port, Current);
        {Port, eof} ->
            halt(0, [{flush, false}])
    end.

answer(Call, Table) ->
    try call(Call, Table) of
        {table, New} -> {{ok, true}, New};
        Result -> {{ok, Result}, Table}
    catch
        error:Reason when is_atom(Reason) -> {{error, Reason}, Table};
        _:_ -> {{error, other}, Table}
    end.

%% An empty table takes the place of the one before.
call({new, [Kind]}, Table) ->
    catch ets:delete(Table),
    {table, ets:new(table, [Kind])};
call({versions, []}, _Table) ->
    {list_to_binary(erlang:system_info(otp_release)), list_to_binary(erlang:system_info(version))};
%% What Function finds for the key that Step gives: [] at the end of the table.
call({then, [Function, Step, Arguments]}, Table) ->
    case apply(ets, Step, [Table | Arguments]) of
        '$end_of_table' -> [];
        Key -> ets:Function(Table, Key)
    end;
%% The first matches of select or select_reverse, without the continuation.
call({limited, [Select, Specification, Limit]}, Table) ->
    case ets:Select(Table, Specification, Limit) of
        '$end_of_table' -> [];
        {Matches, _Continuation} -> Matches
    end;
%% What is left of a table when the process that made it has ended.
call({orphan, []}, _Table) ->
    {_, Monitor} = spawn_monitor(fun() -> exit({made, ets:new(orphan, [public])}) end),
    receive
        {'DOWN', Monitor, process, _, {made, Orphan}} -> ets:info(Orphan)
    end;
call({fold, []}, Table) ->
    lists:reverse(ets:foldl(fun(Object, Seen) -> [Object | Seen] end, [], Table));
%% All keys, from first to next, or from last to prev.
call({walk, [Start, Step]}, Table) ->
    ets:safe_fixtable(Table, true),
    try
        walk(Table, Step, ets:Start(Table))
    after
        ets:safe_fixtable(Table, false)
    end;
%% The keys with what lookup gives for each, in the order of tab2list.
call({contents, []}, Table) ->
    Keys = distinct([element(1, Object) || Object <- ets:tab2list(Table)], #{}),
    [{Key, [Value || {_, Value} <- ets:lookup(Table, Key)]} || Key <- Keys];
call({Function, Arguments}, Table) ->
    apply(ets, Function, [Table | Arguments]).

walk(_Table, _Step, '$end_of_table') -> [];
walk(Table, Step, Key) -> [Key | walk(Table, Step, ets:Step(Table, Key))].

distinct([], _Seen) -> [];
distinct([Key | Keys], Seen) when is_map_key(Key, Seen) -> distinct(Keys, Seen);
distinct([Key | Keys], Seen) -> [Key | distinct(Keys, Seen#{Key => true})].
