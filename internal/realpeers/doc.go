// Package realpeers has tests only: they run the library beside programs that others wrote, namely the Kinesis Client Library
// (KCL) and the Kinesis Producer Library (KPL) of Amazon, as processes of their own.
//
//	.ci/rig/java.sh                                    # builds the Java programs, once; needs a JDK and Maven
//	go test -v ./internal/realpeers/...                # a short form of each scenario, with its counts
//	go test -v -timeout 2h ./internal/realpeers/... -whole
//
// Kinesis is the library's own kinesistest, for the peers are what is real here; DynamoDB is dynalite. What is not installed
// is skipped, or fails where CI=true. docs/compatibility.md says what was proved.
package realpeers
