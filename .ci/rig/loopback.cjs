'use strict';

// A preload (node --require) that keeps every TCP server of the process on the loopback interface, whatever address the
// program asks for, and tells on standard error what it came to listen on: "loopback: listening on 127.0.0.1:4568".
// A starter that waits for that line knows that the answer on the port comes from this very process.

const net = require('node:net');

const LOOPBACK = '127.0.0.1';
const listen = net.Server.prototype.listen;

// Node takes a string for a pipe's path unless it reads as a number that is not negative.
const isPipe = (value) => typeof value === 'string' && !(Number(value) >= 0);

// Pipes, open descriptors and handles have no address to change.
const hasNoAddress = (options) =>
  options._handle !== undefined ||
  options.handle !== undefined ||
  (typeof options.fd === 'number' && options.fd >= 0) ||
  (options.port === undefined && isPipe(options.path));

// The forms are (handle | options | path | [port[, host]] [, backlog] [, callback]).
function onLoopback(args) {
  const [first] = args;
  if (first !== null && typeof first === 'object') {
    if (hasNoAddress(first)) return args;
    return [{ ...first, host: LOOPBACK, ipv6Only: false }, ...args.slice(1)];
  }
  if (isPipe(first)) return args;

  const callback = args.find((arg) => typeof arg === 'function');
  const port = typeof first === 'function' ? 0 : (first ?? 0);
  const backlog = args.slice(1).find((arg) => typeof arg === 'number');
  return callback ? [{ port, host: LOOPBACK, backlog }, callback] : [{ port, host: LOOPBACK, backlog }];
}

net.Server.prototype.listen = function listenOnLoopback(...args) {
  this.once('listening', () => {
    const bound = this.address();
    if (bound !== null && typeof bound === 'object') {
      process.stderr.write(`loopback: listening on ${bound.address}:${bound.port}\n`);
    }
  });
  return listen.apply(this, onLoopback(args));
};
