// How long connections wait for locks of other processes.

/** For the lock of another process, such as the command line. */
export const BUSY_TIMEOUT_MS = 10_000;

/** Of the connections that only read: they wait only while another process recovers or closes the database. */
export const READ_TIMEOUT_MS = 2_000;
