// Package registry is the control plane: many mappings in one process, which are created, listed, changed, disabled and
// deleted while it runs, and kept over restarts. Its operations, their states, codes and texts are those of AWS Lambda.
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
// Registry.Handler serves the same operations as Lambda's API does, so that the aws command and the SDKs drive it with
// another endpoint. It serves whom Config.Credentials or Config.AllowUnsigned name, and nobody without them;
// examples/server is a program around it.
//
// # States
//
//	Create             Creating                 then Enabled or Disabled
//	Update             Enabling or Disabling    where Enabled changes, else Updating; then Enabled or Disabled
//	Delete             Deleting                 then the mapping is gone
//
// A transition takes about a second, or as long as the invocations that run take to drain. Until then, an Update or a Delete
// is a ResourceInUseException. A mapping runs from its Create on, and goes on at its stored position after an Update; it is
// never disabled by itself: what keeps it from running is its LastProcessingResult, and is tried again.
//
// # Many processes
//
// Registries that share a DefinitionStore have the same mappings. What is changed at one is seen by the operations of all
// others at once, and is in force there within Config.PollInterval, and what running invocations take to drain. With a
// mapping.FleetStore as their Store they share the shards of each mapping; with any other, the one that has a shard's lease
// processes it, and the others stand by. A state settles when one of them has it in force.
//
// # Errors
//
// What is refused is an *Error, with AWS's code and text. It is a smithy.APIError like those of the SDK.
package registry
