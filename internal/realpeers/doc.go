// Package realpeers has tests only. They run the library together with Amazon's own Kinesis Client Library (KCL) and
// Kinesis Producer Library (KPL), as separate processes.
//
//	.ci/rig/java.sh                                    # builds the Java programs, once; needs a JDK and Maven
//	.ci/rig/python.sh                                  # installs boto3, once; needs Python 3.11
//	go test -v ./internal/realpeers/...                # a short form of each scenario, with its counts
//	go test -v -timeout 2h ./internal/realpeers/... -whole
//
// Kinesis is the library's own kinesistest, because only the peers must be real here; DynamoDB is dynalite. If
// something is not installed, the test is skipped, or fails if CI=true. docs/compatibility.md lists the results.
package realpeers
