package servicemodel

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// Find reads the model of a service, such as "kinesis", out of botocore's folder "data": the latest version that is there.
func Find(data fs.FS, service string) (*Model, error) {
	for _, name := range []string{"service-2.json.gz", "service-2.json"} {
		files, err := fs.Glob(data, path.Join(service, "*", name))
		if err != nil {
			return nil, fmt.Errorf("servicemodel: %s: %w", service, err)
		}
		if len(files) > 0 {
			return read(data, files[len(files)-1]) // versions are dates, and Glob sorts them
		}
	}
	return nil, fmt.Errorf("servicemodel: botocore's data has no model of %s: %w", service, fs.ErrNotExist)
}

func read(data fs.FS, file string) (*Model, error) {
	text, err := fs.ReadFile(data, file)
	if err == nil && path.Ext(file) == ".gz" {
		text, err = unzip(text)
	}
	if err != nil {
		return nil, fmt.Errorf("servicemodel: %s: %w", file, err)
	}
	return Parse(text)
}

func unzip(packed []byte) (_ []byte, err error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.ReadAll(r)
}
