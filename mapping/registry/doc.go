// Package registry is the control plane: many mappings in one process, which are created, listed, updated, disabled and
// deleted while it runs, and survive restarts. Its operations, their states, codes and texts are those of AWS Lambda.
//
//	reg, err := registry.New(registry.Config{
//		Functions: registry.Functions{"ship-orders": invoke.Func(ship), "bill-orders": invoke.Func(bill)},
//		Client:    kinesis.NewFromConfig(awsConfig),
//		Store:     store, // boltstore, dynamostore, or mapping.NewMemoryStore()
//	})
//	...
//	go func() { done <- reg.Run(ctx) }()
//	c, err := reg.Create(ctx, registry.CreateInput{
//		EventSourceARN:   "arn:aws:kinesis:us-east-1:123456789012:stream/orders",
//		FunctionName:     "ship-orders",
//		StartingPosition: "LATEST",
//	})
//
// Registry.Handler serves the same operations with Lambda's API, so that the aws command and the SDKs work with another
// endpoint. It requires Config.Credentials or Config.AllowUnsigned, and otherwise refuses every request.
// The command shardmill serve, in cmd/shardmill, is a program around it.
//
// # States
//
//	Create             Creating                 then Enabled or Disabled
//	Update             Enabling or Disabling    if Enabled changes, else Updating; then Enabled or Disabled
//	Delete             Deleting                 then the mapping is gone
//
// A transition takes about a second, or as long as running invocations take to drain. Until then, an Update or a Delete
// is a ResourceInUseException. A mapping runs from its Create on, and resumes at its stored position after an Update.
// It is never disabled by itself: a failure to run is its LastProcessingResult, and is retried.
//
// # Many processes
//
// Registries that share a DefinitionStore have the same mappings. The operations of all others see a change at one of
// them immediately, and apply it within Config.PollInterval, plus the time that running invocations take to drain. With
// a driver.FleetStore as their Store they share the shards of each mapping; with any other, the one that has a shard's
// lease processes it, and the others stand by. The first one that has applied a state settles it.
//
// # Errors
//
// A refusal is an *Error, with AWS's code and text. It is a smithy.APIError like those of the SDK.
package registry
