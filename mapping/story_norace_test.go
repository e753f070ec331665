//go:build !race

package mapping_test

const defaultStories = 60
