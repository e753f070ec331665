//go:build !race

package mapping_test

// manyShards is more than two pages of a listing have.
const manyShards = 2500
