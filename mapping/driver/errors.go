package driver

import "errors"

// Errors of a Store, wrapped or plain; test for them with errors.Is.
var (
	// ErrLeaseHeld says that the lease has an owner.
	ErrLeaseHeld = errors.New("mapping: lease is held by another owner")

	// ErrLeaseLost says that a lease is no longer valid: nothing was stored.
	ErrLeaseLost = errors.New("mapping: lease is lost")

	// ErrUnreadable says that stored state is damaged, or of an unknown version. A mapping never treats that as missing
	// progress.
	ErrUnreadable = errors.New("mapping: stored state is unreadable")

	// ErrStoreClosed says that the Store was closed by its owner: it neither writes nor reads any more. It ends a
	// mapping, because all further work would be repeated after a restart.
	ErrStoreClosed = errors.New("mapping: the store is closed")

	// ErrStoreBroken says that the Store cannot continue after an error; the error also wraps the cause. It neither
	// writes nor reads until it is closed and opened again. It ends a mapping, as ErrStoreClosed does.
	ErrStoreBroken = errors.New("mapping: the store cannot continue, close it and open it again")

	// ErrForeignFleet says that a program of another kind uses the same rows, in a way that excludes sharing them: stop
	// it first.
	ErrForeignFleet = errors.New("mapping: another program's fleet is using the store")

	// ErrFleetRefused is returned by a write of a FleetTable whose condition did not hold: nothing was stored. After any
	// other error of such a write the result is unknown; the same write may be repeated.
	ErrFleetRefused = errors.New("fleet: condition of the write does not hold")

	// ErrDefinitionChanged says that a row does not have the expected version: nothing was stored.
	ErrDefinitionChanged = errors.New("mapping: the definition was changed meanwhile")
)
