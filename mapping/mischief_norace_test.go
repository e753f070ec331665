//go:build !race

package mapping_test

const defaultMischief = 40
