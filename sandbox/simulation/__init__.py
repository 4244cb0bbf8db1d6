"""The life of a B2B SaaS company: accounts, their people, their use of the product and their contracts."""
