//go:build !race

package mapping_test

// defaultMischief takes about 5 s of one processor.
const defaultMischief = 60
