%% The Erlang side of the comparison of supervisors: a schedule comes in, and what Erlang's supervisor makes of it goes
%% out. Terms in the external format, each after its length in 4 bytes, as in ets_port.erl.
%%
%% A schedule is {Flags, Children, Steps}: {Strategy, Intensity, AutoShutdown}, a list of {Id, Restart, Significant,
%% Plan}, and what is done to them. A plan tells how the starts of the child go, one after the other: ok, fail, ignore;
%% ok after its end. The answer is a list with one {Result, Log, Children} for the start and each step; the log tells
%% who was started and who was stopped by the supervisor, in order.
-module(supervisor_port).
-behaviour(supervisor).
-export([main/0, init/1, start_child/3, child/3]).

-define(PATIENCE, 20000).

main() ->
    %% Standard output is for answers alone.
    logger:set_primary_config(level, none),
    process_flag(trap_exit, true),
    Port = open_port({fd, 0, 1}, [{packet, 4}, binary, eof]),
    try
        serve(Port)
    catch
        Class:Reason:Stack ->
            io:format(standard_error, "~p:~p~n~p~n", [Class, Reason, Stack]),
            halt(1)
    end.

serve(Port) ->
    receive
        {Port, {data, Request}} ->
            port_command(Port, term_to_binary([run(Schedule) || Schedule <- binary_to_term(Request)])),
            serve(Port);
        {Port, eof} ->
            halt(0, [{flush, false}])
    end.

run({Flags, Children, Steps}) ->
    Log = ets:new(log, [public, ordered_set]),
    case supervisor:start_link(?MODULE, {Flags, Children, Log}) of
        {ok, Supervisor} ->
            First = seen(ok, Supervisor, Log),
            Rest = steps(Steps, Supervisor, Log),
            stop(Supervisor),
            [First | Rest] ++ [{ok, entries(Log), ended}];
        {error, {shutdown, {failed_to_start_child, Id, _}}} ->
            [{{failed, Id}, entries(Log), ended}]
    end.

init({{Strategy, Intensity, AutoShutdown}, Children, Log}) ->
    %% All restarts fall into one period.
    Flags = #{strategy => Strategy, intensity => Intensity, period => 1000, auto_shutdown => AutoShutdown},
    {ok, {Flags, [spec(Child, Log) || Child <- Children]}}.

spec({Id, Restart, Significant, Plan}, Log) ->
    #{id => Id, restart => Restart, significant => Significant, shutdown => ?PATIENCE,
      start => {?MODULE, start_child, [Id, Plan, Log]}}.

start_child(Id, Plan, Log) ->
    Number = ets:update_counter(Log, {count, Id}, 1, {{count, Id}, 0}),
    log(Log, start, Id),
    case Number =< length(Plan) andalso lists:nth(Number, Plan) of
        fail -> {error, planned};
        ignore -> ignore;
        _ -> proc_lib:start_link(?MODULE, child, [self(), Id, Log])
    end.

child(Supervisor, Id, Log) ->
    process_flag(trap_exit, true),
    proc_lib:init_ack({ok, self()}),
    receive
        {finish, Reason} ->
            exit(Reason);
        {'EXIT', Supervisor, Reason} ->
            log(Log, stop, Id),
            exit(Reason)
    end.

log(Log, What, Id) ->
    ets:insert(Log, {{entry, erlang:unique_integer([monotonic])}, {What, Id}}).

entries(Log) ->
    Entries = ets:select(Log, [{{{entry, '_'}, '$1'}, [], ['$1']}]),
    ets:match_delete(Log, {{entry, '_'}, '_'}),
    Entries.

%% The schedule ends with its supervisor.
steps([], _, _) -> [];
steps([Step | Steps], Supervisor, Log) ->
    Result = try step(Step, Supervisor, Log) catch exit:_ -> gone end,
    case seen(Result, Supervisor, Log) of
        {_, _, ended} = Last -> [Last];
        Seen -> [Seen | steps(Steps, Supervisor, Log)]
    end.

step({finish, Id, Reason}, Supervisor, _) ->
    case pid(Id, Supervisor) of
        none -> none;
        Pid -> finish(Pid, Reason)
    end;
%% Ends that the supervisor learns of at the same time, and in this order.
step({together, Ids}, Supervisor, _) ->
    Pids = [Pid || Id <- Ids, Pid <- [pid(Id, Supervisor)], Pid =/= none],
    sys:suspend(Supervisor),
    lists:foldl(fun(Pid, Number) -> finish(Pid, kill), queued(Supervisor, Number), Number + 1 end, 1, Pids),
    sys:resume(Supervisor),
    ok;
step({terminate, Id}, Supervisor, _) -> result(supervisor:terminate_child(Supervisor, Id));
step({delete, Id}, Supervisor, _) -> result(supervisor:delete_child(Supervisor, Id));
step({restart, Id}, Supervisor, _) -> result(supervisor:restart_child(Supervisor, Id));
step({start, Child}, Supervisor, Log) -> result(supervisor:start_child(Supervisor, spec(Child, Log))).

result(ok) -> ok;
result({ok, undefined}) -> ignored;
result({ok, _}) -> ok;
result({error, already_present}) -> exists;
result({error, {already_started, _}}) -> exists;
result({error, running}) -> running;
result({error, restarting}) -> running;
result({error, not_found}) -> not_found;
result({error, _}) -> failed.

finish(Pid, Reason) ->
    Monitor = monitor(process, Pid),
    case Reason of
        kill -> exit(Pid, kill);
        _ -> Pid ! {finish, Reason}
    end,
    receive
        {'DOWN', Monitor, process, Pid, _} -> ok
    end.

queued(Supervisor, Number) ->
    case process_info(Supervisor, message_queue_len) of
        {_, Number} -> ok;
        _ -> erlang:yield(), queued(Supervisor, Number)
    end.

pid(Id, Supervisor) ->
    case lists:keyfind(Id, 1, supervisor:which_children(Supervisor)) of
        {_, Pid, _, _} when is_pid(Pid) -> Pid;
        _ -> none
    end.

%% Wait until the supervisor has seen to everything, and tell what there is then.
seen(Result, Supervisor, Log) ->
    try supervisor:which_children(Supervisor) of
        Children ->
            Settled = lists:all(fun({_, Pid, _, _}) ->
                Pid =:= undefined orelse (is_pid(Pid) andalso is_process_alive(Pid))
            end, Children),
            case Settled of
                true -> {Result, entries(Log), [{Id, is_pid(Pid)} || {Id, Pid, _, _} <- lists:reverse(Children)]};
                false -> erlang:yield(), seen(Result, Supervisor, Log)
            end
    catch
        exit:_ ->
            receive
                {'EXIT', Supervisor, shutdown} -> {Result, entries(Log), ended}
            after ?PATIENCE -> exit(no_end)
            end
    end.

stop(Supervisor) ->
    case is_process_alive(Supervisor) of
        true ->
            exit(Supervisor, shutdown),
            receive {'EXIT', Supervisor, shutdown} -> ok end;
        false ->
            ok
    end.
