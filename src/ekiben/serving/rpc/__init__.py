"""The Open Inference Protocol over gRPC, on the `grpc` port: a transport, and one dialect."""
