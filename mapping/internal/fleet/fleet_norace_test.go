//go:build !race

package fleet_test

const (
	defaultFirst = 0
	defaultSeeds = 1000
)
