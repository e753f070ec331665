// Package process runs programs that were built for AWS Lambda, unmodified and in any language, as functions of a
// mapping. To these programs it is Lambda: it serves the Lambda Runtime API on loopback.
//
//	ship, err := process.New(process.Config{Command: []string{"./bootstrap"}, MaxProcesses: 8})
//	...
//	defer ship.Close()
//	m, err := mapping.New(mapping.Config{Function: ship, FunctionTimeout: 30 * time.Second, ...})
//
// Processes are started on demand up to [Config.MaxProcesses] and stopped when idle; each handles one invocation at a
// time. An invocation counts as follows, in AWS's words if the function has none of its own:
//
//	the function answers              its answer, of up to 6,291,556 bytes
//	it reports an error               function error with its document
//	its process ends, for any reason  function error Runtime.ExitError; another process replaces it
//	it exceeds ctx's deadline         function error "Task timed out after 3.00 seconds"; its process is killed
//	it cannot start                   function error: its own document, Runtime.ExitError, or after 10 s a timeout
//	ctx ends while all are busy       not run: invoke.ErrThrottled
//	Close                             not run: ErrClosed
//
// Waiting for a process, and starting one, is part of an invocation's time. Programs that end without ever having
// answered are started again after a back-off of up to 10 s.
//
// # What the function sees
//
// Lambda's variables, TZ=:UTC, Config.Environment, and of this process's own variables PATH, HOME, USER, LOGNAME,
// SHELL, LANG, LC_ALL, TMPDIR, LD_LIBRARY_PATH, SSL_CERT_FILE and SSL_CERT_DIR (on Windows those that name its
// folders); nothing else, so that no secret leaks into it. AWS_EXECUTION_ENV is not set. The trace ID of an invocation
// is generated, not sampled, and only in the header, from which runtimes set _X_AMZN_TRACE_ID. [Config.Credentials]
// come from a container credentials endpoint, whose token only the one process knows. The function's output is logged
// line by line, with the request ID of the last invocation, up to [Config.OutputRate]. The function may register an
// extension of its own, which gets no events; telemetry and SnapStart are not supported. It is always sent SIGTERM,
// half a second before it is killed, when it is idle or on Close.
//
// Each process has a listener of its own on 127.0.0.1, so that none can get another's invocation: the API identifies a
// caller only by the address. Requests that a web page could cause in a browser are refused. But any other process of
// this machine that finds the port could request the function's next event, as with every loopback server. If untrusted
// users share the machine, separate them by a network namespace.
//
// # No orphans
//
// Processes have a process group of their own, which is killed when they end, on a timeout and by Close. When this
// process ends in any other way, kill -9 included, the following ends them:
//
//	Linux         the kernel kills each process; a guard (a /bin/sh outside our group) kills their groups
//	other Unix    the guard kills their groups
//	no /bin/sh    on Linux the process itself is killed, but not its descendants; elsewhere nothing is
//	Windows       nothing is; and a timeout or Close kills the process without its descendants
//
// A descendant that leaves the group (setsid, as daemons do) is out of reach everywhere.
package process
