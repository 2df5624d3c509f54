// What runs when there is no configuration file: enough to try everything on one machine.

export const DEFAULT_CONFIG = `
[hosts.localhost]

[hosts."rooms.localhost"]
component = "muc"
`;
