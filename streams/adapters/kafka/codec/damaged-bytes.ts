/** Fetched bytes are not what they should be; the caller knows of which partition and offset they are and says so. */
export class DamagedBytes extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DamagedBytes'
  }
}
