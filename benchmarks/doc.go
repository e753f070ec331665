// Package benchmarks measures the whole runtime against its yardsticks: from the stream to the function, over HTTP,
// with the stream's server in a process of its own. The benchmarks of single packages are in those packages;
// docs/performance.md is the index of all of them.
//
//	go test -run '^$' -bench . ./benchmarks
package benchmarks
