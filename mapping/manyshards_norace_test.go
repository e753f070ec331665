//go:build !race

package mapping_test

// manyShards is more than two pages of a listing have, and fleetShards more than one page.
const manyShards, fleetShards = 2100, 1100
