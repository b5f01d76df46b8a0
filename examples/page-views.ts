/**
 * Page views per region: a stream of views, a table of users, and a count by something that only the table knows.
 *
 *     page-views ──► by user ──┐
 *                              ├─► join ──► by region ──► count ──► views-by-region
 *     user-profiles (table) ───┘
 *
 * What there is to see here:
 * 1. Topics are typed. Reading, joining or writing the wrong type does not compile: try another field in the joiner.
 * 2. Views are keyed by page and profiles by user. `selectKey` changes the key, so the join sends views through a topic
 *    of its own first, with as many partitions as the profiles have: equal users meet in one task.
 * 3. Each view is joined with the profile as it is at that moment. When a user moves, later views count for the new
 *    region, earlier ones stay where they were.
 * 4. The count is by region, which takes another such topic. It carries partial counts, one per region and commit and
 *    not one record per view, since counts can be merged.
 */
import { defineTopology, nullable, serdes, topic } from '../streams/index.ts'

export interface PageView {
  readonly userId: string
  /** How long the page was looked at. */
  readonly durationMs: number
}

export interface UserProfile {
  readonly name: string
  readonly region: string
}

/** Keyed by page. */
export const pageViews = topic('page-views', { key: serdes.string, value: serdes.json<PageView>() })

/** Keyed by user; null deletes a profile. Compacted, so that the newest profile of each user is kept for ever. */
export const userProfiles = topic(
  'user-profiles',
  { key: serdes.string, value: nullable(serdes.json<UserProfile>()) },
  { cleanup: 'compact' },
)

/** Keyed by region. It takes null, as every topic that a table is written to: a row that is gone. */
export const viewsByRegion = topic('views-by-region', {
  key: serdes.string,
  value: nullable(serdes.long),
})

/** Views of users without a profile count here. */
export const unknownRegion = 'unknown'

export const pageViewCounter = defineTopology('page-view-counter', (builder) => {
  const profiles = builder.table(userProfiles, { store: 'profiles' })

  builder
    .stream(pageViews)
    .filter((view) => view.durationMs >= 1000) // A page that is left within a second was not viewed.
    .selectKey((view) => view.userId)
    .leftJoin(profiles, (_view, profile) => profile?.region ?? unknownRegion, {
      name: 'views-by-user',
      key: serdes.string,
    })
    .groupBy((region) => region, serdes.string)
    .count({ store: 'views-by-region' })
    .toStream()
    .to(viewsByRegion)
})
