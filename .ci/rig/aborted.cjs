'use strict';

// A preload (node --require) that keeps an emulator alive when a client hangs up.
//
// dynalite throws whatever error a request has, and so ends when a connection breaks before the body of its request has
// arrived, as one does whose caller's context is cancelled. The service that it stands for goes on.
process.on('uncaughtException', (err) => {
  if (err.code === 'ECONNRESET' && err.message === 'aborted') return;
  console.error(err);
  process.exit(1);
});
