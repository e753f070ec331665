//go:build !unix

package rig

import (
	"errors"
	"os"
)

// suspend has no signal to send here.
func suspend(*os.Process) error { return errors.ErrUnsupported }

// resume neither.
func resume(*os.Process) error { return errors.ErrUnsupported }
