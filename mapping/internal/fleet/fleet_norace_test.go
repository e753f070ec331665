//go:build !race

package fleet_test

const defaultSeeds = 1000
