//go:build race

package mapping_test

// manyShards is more than a page of a listing has. The race detector makes each shard ten times as expensive, so a fleet has fewer.
const manyShards, fleetShards = 1100, 300
