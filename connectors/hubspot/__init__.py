"""HubSpot: client, streams and writer."""
