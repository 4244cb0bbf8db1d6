"""The live side: webhooks in, the accounts that they touch done anew, jobs by the clock, a read API."""
