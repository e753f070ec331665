package driver_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardmill/shardmill/mapping/driver"
)

// TestFieldsOfADefinitionAreBounded: the error names each field that is not, and no other.
func TestFieldsOfADefinitionAreBounded(t *testing.T) {
	of := func(n int) string { return strings.Repeat("x", n) }
	valid := func() driver.Definition { return driver.Definition{Key: "k", Version: "v"} }
	for name, tc := range map[string]struct {
		change func(d *driver.Definition)
		want   string // the whole error
	}{
		"the shortest":           {func(*driver.Definition) {}, ""},
		"the longest":            {func(d *driver.Definition) { d.Key, d.Version, d.Data = of(1000), of(100), []byte(of(100_000)) }, ""},
		"no key":                 {func(d *driver.Definition) { d.Key = "" }, "Key has 0 bytes, must have 1 to 1000"},
		"a key too long":         {func(d *driver.Definition) { d.Key = of(1001) }, "Key has 1001 bytes, must have 1 to 1000"},
		"a key that is no text":  {func(d *driver.Definition) { d.Key = "\xff" }, `Key is "\xff", must be UTF-8`},
		"no version":             {func(d *driver.Definition) { d.Version = "" }, "Version has 0 bytes, must have 1 to 100"},
		"a version too long":     {func(d *driver.Definition) { d.Version = of(101) }, "Version has 101 bytes, must have 1 to 100"},
		"a version that is none": {func(d *driver.Definition) { d.Version = "\xff" }, `Version is "\xff", must be UTF-8`},
		"data too long":          {func(d *driver.Definition) { d.Data = []byte(of(100_001)) }, "Data has 100001 bytes, must have 0 to 100000"},
		"data that is no text":   {func(d *driver.Definition) { d.Data = []byte{0xff} }, ""},
		"several": {
			func(d *driver.Definition) { d.Key, d.Version = "", "" },
			"Key has 0 bytes, must have 1 to 1000\nVersion has 0 bytes, must have 1 to 100",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := valid()
			tc.change(&d)
			err := d.Validate()
			if tc.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.EqualError(t, err, tc.want)
		})
	}
}
