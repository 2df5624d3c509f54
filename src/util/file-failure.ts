// Explains to administrators why the system refuses access to a file or folder.

const DENIED =
  'no permission; make the user that runs the server the owner of data_path and of all files in it';
const WORDS: Readonly<Record<string, string>> = {
  EROFS: 'the file system is mounted read-only',
  EACCES: DENIED,
  EPERM: DENIED,
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is a file, not a directory',
};

/** The phrase for a system error about the server's data; for an unknown error, its own message. */
export function inWords(error: Error & { code?: string | undefined }): string {
  return WORDS[error.code ?? ''] ?? error.message;
}
