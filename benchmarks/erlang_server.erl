%% Times a gen_server for processes.py: reads what to run and how often, and answers with the seconds that it took.
-module(erlang_server).
-behaviour(gen_server).
-export([main/0, init/1, handle_call/3, handle_cast/2]).

init(State) -> {ok, State}.

handle_call(Message, _From, State) -> {reply, Message, State}.

handle_cast(_Message, State) -> {noreply, State + 1}.

main() ->
    {ok, Server} = gen_server:start_link(?MODULE, 0, []),
    serve(Server).

serve(Server) ->
    case io:get_line("") of
        eof ->
            halt();
        "about\n" ->
            Release = erlang:system_info(otp_release),
            io:format("OTP ~s, ~s~n", [Release, erlang:system_info(emu_flavor)]),
            serve(Server);
        Line ->
            [Verb, Times] = string:lexemes(string:trim(Line), " "),
            io:format("~.9f~n", [seconds(Verb, Server, list_to_integer(Times))]),
            serve(Server)
    end.

seconds(Verb, Server, Times) ->
    erlang:garbage_collect(),
    Start = erlang:monotonic_time(nanosecond),
    run(Verb, Server, Times),
    (erlang:monotonic_time(nanosecond) - Start) / 1.0e9.

run("call", Server, Times) -> call(Server, Times);
run("cast", Server, Times) -> cast(Server, Times), gen_server:call(Server, done, infinity);
run("start", _, Times) -> start(Times).

call(_, 0) -> ok;
call(Server, Times) -> gen_server:call(Server, Times), call(Server, Times - 1).

cast(_, 0) -> ok;
cast(Server, Times) -> gen_server:cast(Server, Times), cast(Server, Times - 1).

start(0) -> ok;
start(Times) ->
    {ok, Server} = gen_server:start_link(?MODULE, 0, []),
    gen_server:stop(Server),
    start(Times - 1).
