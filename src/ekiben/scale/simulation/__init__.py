"""What an autoscaler would do under some traffic: requests in queues below, a control loop above, seeded."""
