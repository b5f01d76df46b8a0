/**
 * Runs a step without the rights of root, who may read and write whatever the permissions say: as the user `nobody` where
 * the tests run as root, as the same user elsewhere. The paths it uses must be open to others.
 */
export async function asOrdinaryUser<T>(step: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0 || process.seteuid === undefined) return step()
  process.seteuid(nobody)
  try {
    return await step()
  } finally {
    process.seteuid(0)
  }
}

const nobody = 65534
