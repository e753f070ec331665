// The same function as examples/lambdafunction, in Node, speaking the Lambda Runtime API by itself.
import { appendFileSync } from 'node:fs';

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;

for (;;) {
  const next = await fetch(`${api}/next`);
  const id = next.headers.get('lambda-runtime-aws-request-id');
  const { Records } = await next.json();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const lines = Records.map(({ kinesis }) => `${kinesis.sequenceNumber} ${kinesis.partitionKey}\n`);
  appendFileSync(process.env.DELIVERED, lines.join(''));
  await fetch(`${api}/${id}/response`, { method: 'POST', body: 'null' });
}
