'use strict';

// local-aws-sqs comes without a command: node sqs.cjs PORT starts it.
require('local-aws-sqs').createSqsServer({ port: Number(process.argv[2]), hostname: '127.0.0.1' });
