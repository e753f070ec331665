// A function in Node that speaks the Lambda Runtime API by itself: what invoketest.Scripted is to do, where it is of use
// in another language.
import { createHash } from 'node:crypto';

const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
const item = (id) => JSON.stringify({ batchItemFailures: [{ itemIdentifier: id }] });
const after = (ms, value) => new Promise((resolve) => setTimeout(resolve, ms, value));

const verbs = {
  digest: (bytes) => item(createHash('sha256').update(bytes).digest('hex')),
  last: (_, event) => item(event.Records.at(-1).kinesis.sequenceNumber),
  count: (_, event) => JSON.stringify({ state: { count: (event.state?.count ?? 0) + event.Records.length } }),
  nothing: () => '',
  large: () => JSON.stringify({ padding: 'x'.repeat(5_000_000) }),
  wait: () => after(200, '{}'),
  sleep: () => after(60_000, '{}'),
  exit: () => process.exit(1),
  fail: () => { throw new Error('the kettle is broken'); },
};

for (;;) {
  const next = await fetch(`${api}/next`);
  const id = next.headers.get('lambda-runtime-aws-request-id');
  const bytes = Buffer.from(await next.arrayBuffer());
  try {
    const event = JSON.parse(bytes);
    const verb = event.Records[0]?.kinesis.partitionKey ?? 'count';
    await fetch(`${api}/${id}/response`, { method: 'POST', body: await verbs[verb](bytes, event) });
  } catch (error) {
    const body = JSON.stringify({ errorMessage: error.message, errorType: error.name });
    await fetch(`${api}/${id}/error`, { method: 'POST', body });
  }
}
