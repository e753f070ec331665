// Package drill is the machinery of examples/fleet. It starts worker processes on an embedded Kinesis server and a
// DynamoDB, puts records, kills, stops and adds workers, splits a shard, and checks what the workers report.
package drill
