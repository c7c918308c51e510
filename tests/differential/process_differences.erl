%% What Erlang does where processes of ours do otherwise: one line for each, its name and what came of it.
-module(process_differences).
-behaviour(gen_server).
-behaviour(supervisor).
-export([main/0, start_child/1, init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

main() ->
    process_flag(trap_exit, true),
    logger:set_primary_config(level, none),
    [io:format("~s ~0p~n", [Name, Show()]) || {Name, Show} <- shows()],
    init:stop().

%% A server does what it is told by functions; its state is what its terminate does.
init({server, Init, Terminate}) ->
    case Init() of
        ok -> {ok, Terminate};
        Other -> Other
    end;
init({supervisor, Flags, Children}) ->
    {ok, {Flags, Children}}.

handle_call(Function, _From, State) -> Function(State).
handle_cast(Function, State) -> Function(), {noreply, State}.
handle_info(_Message, State) -> {noreply, State}.
terminate(Reason, Terminate) -> Terminate(Reason).

fine() -> ok.
ends(_Reason) -> ok.

server() -> server(fun ends/1).

server(Terminate) ->
    {ok, Pid} = gen_server:start(?MODULE, {server, fun fine/0, Terminate}, []),
    Pid.

dead() ->
    Pid = server(),
    ok = gen_server:stop(Pid),
    Pid.

ended(Pid) ->
    Monitor = monitor(process, Pid),
    receive {'DOWN', Monitor, process, Pid, Reason} -> Reason end.

failure(Function) ->
    try Function() catch exit:{Reason, _Where} -> {exit, simple(Reason)}; exit:Reason -> {exit, Reason} end.

simple({Reason, Stack}) when is_list(Stack) -> Reason;
simple(Reason) -> Reason.

start_child(Name) ->
    gen_server:start_link({local, Name}, ?MODULE, {server, fun fine/0, fun ends/1}, []).

child(Name) ->
    #{id => Name, start => {?MODULE, start_child, [Name]}}.

supervisor(Flags, Children) ->
    {ok, Supervisor} = supervisor:start_link(?MODULE, {supervisor, Flags, Children}),
    Supervisor.

crash(Name) ->
    Pid = whereis(Name),
    exit(Pid, kill),
    ended(Pid).

shows() ->
    Self = self(),
    [
        {"one-loop", fun() ->
            Pid = server(),
            Answer = failure(fun() ->
                gen_server:call(Pid, fun(S) -> receive go -> {reply, done, S} end end, 1)
            end),
            Pid ! go,
            Answer
        end},
        {"failed-calls", fun() -> failure(fun() -> gen_server:call(server(), fun(_) -> error(boom) end) end) end},
        {"reasons", fun() ->
            Pid = server(),
            Monitor = monitor(process, Pid),
            gen_server:stop(Pid, {any, term}, infinity),
            receive {'DOWN', Monitor, process, Pid, Reason} -> Reason end
        end},
        {"throw", fun() -> gen_server:call(server(), fun(S) -> throw({reply, thrown, S}) end) end},
        {"cast-result", fun() -> gen_server:cast(dead(), hello) end},
        {"stop-of-the-dead", fun() -> failure(fun() -> gen_server:stop(dead()) end) end},
        {"when-calls-fail", fun() ->
            Pid = server(fun(_) -> Self ! terminating, receive go -> ok end end),
            gen_server:cast(Pid, fun() -> exit(over) end),
            receive terminating -> ok end,
            spawn(fun() -> Self ! asking, Self ! {asked, failure(fun() -> gen_server:call(Pid, x) end)} end),
            receive asking -> ok end,
            Early = receive {asked, _} -> early after 50 -> later end,
            Pid ! go,
            {Early, receive {asked, Outcome} -> Outcome end}
        end},
        {"terminate-always", fun() ->
            Pid = server(fun(_) -> Self ! terminated end),
            exit(Pid, shutdown),
            ended(Pid),
            receive terminated -> terminated after 0 -> no end
        end},
        {"shutdown-of-children", fun() ->
            Start = {gen_server, start_link, [?MODULE, {server, fun fine/0, fun(_) -> Self ! terminated end}, []]},
            Supervisor = supervisor(#{}, [#{id => a, start => Start}]),
            ok = supervisor:terminate_child(Supervisor, a),
            receive terminated -> terminated after 0 -> no end
        end},
        {"failed-start-link", fun() ->
            {error, refused} =
                gen_server:start_link(?MODULE, {server, fun() -> {stop, refused} end, fun ends/1}, []),
            receive {'EXIT', _, Reason} -> {'EXIT', Reason} end
        end},
        {"flush", fun() ->
            Pid = server(),
            Monitor = monitor(process, Pid),
            gen_server:stop(Pid),
            ended(Pid),
            demonitor(Monitor),
            receive {'DOWN', Monitor, process, Pid, Reason} -> {'DOWN', Reason} after 0 -> nothing end
        end},
        {"cancelled-timers", fun() ->
            Timer = erlang:send_after(0, self(), ring),
            Arrived = fun Wait() ->
                {messages, Messages} = process_info(Self, messages),
                lists:member(ring, Messages) orelse begin erlang:yield(), Wait() end
            end,
            Arrived(),
            {erlang:cancel_timer(Timer), receive ring -> rings after 0 -> nothing end}
        end},
        {"intensity", fun() ->
            Supervisor = supervisor(#{}, [child(often)]),
            crash(often),
            supervisor:which_children(Supervisor),
            Alive = is_process_alive(Supervisor),
            crash(often),
            {Alive, ended_by_itself(Supervisor)}
        end},
        {"giving-up", fun() ->
            Supervisor = supervisor(#{intensity => 0}, [child(once)]),
            crash(once),
            ended_by_itself(Supervisor)
        end},
        {"order-of-children", fun() ->
            Supervisor = supervisor(#{}, [child(Name) || Name <- [a, b, c]]),
            [Id || {Id, _, _, _} <- supervisor:which_children(Supervisor)]
        end},
        {"ids", fun() ->
            Child = #{id => some, start => {?MODULE, start_child, []}},
            Supervisor = supervisor(#{strategy => simple_one_for_one}, [Child]),
            {ok, _} = supervisor:start_child(Supervisor, [simple]),
            [Id || {Id, _, _, _} <- supervisor:which_children(Supervisor)]
        end},
        {"errors", fun() ->
            {ok, Pid} = start_child(taken),
            case start_child(taken) of {error, {already_started, Pid}} -> already_started end
        end}
    ].

%% The reason for which a linked process has ended, by its exit.
ended_by_itself(Pid) ->
    receive {'EXIT', Pid, Reason} -> Reason end.
