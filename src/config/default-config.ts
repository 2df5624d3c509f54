// The configuration that is used when no file exists: enough to try everything on one machine.

export const DEFAULT_CONFIG = `
[hosts.localhost]

[hosts."rooms.localhost"]
component = "muc"
`;
