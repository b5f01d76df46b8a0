// Generated from the .avsc files by `npm run codegen`. Do not edit.
import type { AvroSchema } from '../../serde/avro-schema.ts'

/** A position in a partition. */
export interface PartitionPosition {
  /** Topic. */
  readonly topic: string
  /** Partition. */
  readonly partition: number
  /** Offset of the next record. */
  readonly offset: number
}

/** What a task that writes to a repartition topic said of its time last. */
export interface TaskWatermark {
  /** Task. */
  readonly task: string
  /** Its watermark; null while it knew nothing. */
  readonly watermark: number | null
  /** It had nothing to read. */
  readonly idle: boolean
  /** Nothing comes of it any more. */
  readonly ended: boolean
}

/** The watermark of a partition that a task reads. */
export interface InputWatermark {
  /** Topic. */
  readonly topic: string
  /** No older record of it is expected; null while nothing is known. */
  readonly watermark: number | null
  /** For repartition topics, by the tasks that write there. */
  readonly upstream: readonly TaskWatermark[]
}

/** A time that an operator goes on from, such as that of its next punctuation. */
export interface KeptTime {
  /** Operator, and what the time is for. */
  readonly name: string
  /** The time, epoch milliseconds UTC. */
  readonly time: number
}

/** How the task stands with a command that holds it. */
export interface TaskHold {
  /** Name of the pause or drain. */
  readonly hold: string
  /** Records that were let through by its steps. */
  readonly steps_used: number
  /** For a drain: the task had processed and committed all that it found, and wakes nobody by the clock any more. */
  readonly settled: boolean
}

/** A commit of a task: where it stands and what it took. */
export interface Checkpoint {
  /** Task: sub-topology and partition; the key of the record. */
  readonly task: string
  /** Counts the commits of the task; 1 is the first. */
  readonly commit_number: number
  /** Offsets that the task reads on from. */
  readonly input_offsets: readonly PartitionPosition[]
  /** Ends of the task's changelog partitions as of this commit. */
  readonly changelog_offsets: readonly PartitionPosition[]
  /** The task's watermark: no older record is expected. Epoch milliseconds UTC; null while nothing is known. */
  readonly watermark: number | null
  /** Timers that are pending. */
  readonly timer_count: number
  /** Bytes that this commit wrote to the log. */
  readonly bytes: number
  /** Keys of state that this commit changed. */
  readonly keys: number
  /** How long the commit took, in milliseconds. */
  readonly duration_ms: number
  /** Instance that ran the task. */
  readonly instance: string
  /** When the commit was made, epoch milliseconds UTC. */
  readonly committed_time: number
  /** Highest timestamp of the records that the task has processed, epoch milliseconds UTC; null before the first record. */
  readonly stream_time: number | null
  /** What the task's watermark is the minimum of. */
  readonly input_watermarks: readonly InputWatermark[]
  /** Times that operators go on from. */
  readonly kept_times: readonly KeptTime[]
  /** Stage commands that have been acted on. */
  readonly holds: readonly TaskHold[]
  /** Savepoint that is being put back: the task is not opened before that has been done. Null otherwise. */
  readonly restoring: string | null
}

/** The Avro schema of {@link Checkpoint}. */
export const checkpointSchema: AvroSchema<Checkpoint> = {
  "type": "record",
  "name": "Checkpoint",
  "namespace": "orderstreams.engine",
  "doc": "A commit of a task: where it stands and what it took.",
  "fields": [
    {
      "name": "task",
      "type": "string",
      "doc": "Task: sub-topology and partition; the key of the record."
    },
    {
      "name": "commit_number",
      "type": "long",
      "doc": "Counts the commits of the task; 1 is the first."
    },
    {
      "name": "input_offsets",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "PartitionPosition",
          "doc": "A position in a partition.",
          "fields": [
            {
              "name": "topic",
              "type": "string",
              "doc": "Topic."
            },
            {
              "name": "partition",
              "type": "int",
              "doc": "Partition."
            },
            {
              "name": "offset",
              "type": "long",
              "doc": "Offset of the next record."
            }
          ]
        }
      },
      "doc": "Offsets that the task reads on from."
    },
    {
      "name": "changelog_offsets",
      "type": {
        "type": "array",
        "items": "PartitionPosition"
      },
      "doc": "Ends of the task's changelog partitions as of this commit."
    },
    {
      "name": "watermark",
      "type": [
        "null",
        {
          "type": "long",
          "logicalType": "timestamp-millis"
        }
      ],
      "default": null,
      "doc": "The task's watermark: no older record is expected. Epoch milliseconds UTC; null while nothing is known."
    },
    {
      "name": "timer_count",
      "type": "long",
      "doc": "Timers that are pending."
    },
    {
      "name": "bytes",
      "type": "long",
      "doc": "Bytes that this commit wrote to the log."
    },
    {
      "name": "keys",
      "type": "long",
      "doc": "Keys of state that this commit changed."
    },
    {
      "name": "duration_ms",
      "type": "double",
      "doc": "How long the commit took, in milliseconds."
    },
    {
      "name": "instance",
      "type": "string",
      "doc": "Instance that ran the task."
    },
    {
      "name": "committed_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When the commit was made, epoch milliseconds UTC."
    },
    {
      "name": "stream_time",
      "type": [
        "null",
        {
          "type": "long",
          "logicalType": "timestamp-millis"
        }
      ],
      "default": null,
      "doc": "Highest timestamp of the records that the task has processed, epoch milliseconds UTC; null before the first record."
    },
    {
      "name": "input_watermarks",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "InputWatermark",
          "doc": "The watermark of a partition that a task reads.",
          "fields": [
            {
              "name": "topic",
              "type": "string",
              "doc": "Topic."
            },
            {
              "name": "watermark",
              "type": [
                "null",
                {
                  "type": "long",
                  "logicalType": "timestamp-millis"
                }
              ],
              "doc": "No older record of it is expected; null while nothing is known."
            },
            {
              "name": "upstream",
              "type": {
                "type": "array",
                "items": {
                  "type": "record",
                  "name": "TaskWatermark",
                  "doc": "What a task that writes to a repartition topic said of its time last.",
                  "fields": [
                    {
                      "name": "task",
                      "type": "string",
                      "doc": "Task."
                    },
                    {
                      "name": "watermark",
                      "type": [
                        "null",
                        {
                          "type": "long",
                          "logicalType": "timestamp-millis"
                        }
                      ],
                      "doc": "Its watermark; null while it knew nothing."
                    },
                    {
                      "name": "idle",
                      "type": "boolean",
                      "doc": "It had nothing to read."
                    },
                    {
                      "name": "ended",
                      "type": "boolean",
                      "doc": "Nothing comes of it any more."
                    }
                  ]
                }
              },
              "doc": "For repartition topics, by the tasks that write there."
            }
          ]
        }
      },
      "default": [],
      "doc": "What the task's watermark is the minimum of."
    },
    {
      "name": "kept_times",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "KeptTime",
          "doc": "A time that an operator goes on from, such as that of its next punctuation.",
          "fields": [
            {
              "name": "name",
              "type": "string",
              "doc": "Operator, and what the time is for."
            },
            {
              "name": "time",
              "type": {
                "type": "long",
                "logicalType": "timestamp-millis"
              },
              "doc": "The time, epoch milliseconds UTC."
            }
          ]
        }
      },
      "default": [],
      "doc": "Times that operators go on from."
    },
    {
      "name": "holds",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "TaskHold",
          "doc": "How the task stands with a command that holds it.",
          "fields": [
            {
              "name": "hold",
              "type": "string",
              "doc": "Name of the pause or drain."
            },
            {
              "name": "steps_used",
              "type": "long",
              "doc": "Records that were let through by its steps."
            },
            {
              "name": "settled",
              "type": "boolean",
              "doc": "For a drain: the task had processed and committed all that it found, and wakes nobody by the clock any more."
            }
          ]
        }
      },
      "default": [],
      "doc": "Stage commands that have been acted on."
    },
    {
      "name": "restoring",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Savepoint that is being put back: the task is not opened before that has been done. Null otherwise."
    }
  ]
}

/** The symbols of {@link SettledState}, in the order of the schema. */
export const settledStateSymbols = [
  'REPLAYED',
  'DISCARDED',
] as const

export type SettledState = (typeof settledStateSymbols)[number]

/** The copy of a record that was sent for a replay. */
export interface ReplayedRecord {
  /** Topic. */
  readonly topic: string
  /** Partition. */
  readonly partition: number
  /** Offset. */
  readonly offset: number
  /** How often the record had been tried when the copy was sent. */
  readonly attempts_before: number
}

/** What has become of a dead letter or a rejection. The key of the record is its name: topic, partition and offset, with / in between. */
export interface DeadLetterStatus {
  /** What has become of it. */
  readonly state: SettledState
  /** When, epoch milliseconds UTC. */
  readonly settled_time: number
  /** Who did it. */
  readonly settled_by: string
  /** Why it was discarded; null when it was replayed. */
  readonly reason: string | null
  /** The record that the replay wrote; null when it was discarded. */
  readonly replayed_as: ReplayedRecord | null
}

/** The Avro schema of {@link DeadLetterStatus}. */
export const deadLetterStatusSchema: AvroSchema<DeadLetterStatus> = {
  "type": "record",
  "name": "DeadLetterStatus",
  "namespace": "orderstreams.engine",
  "doc": "What has become of a dead letter or a rejection. The key of the record is its name: topic, partition and offset, with / in between.",
  "fields": [
    {
      "name": "state",
      "type": {
        "type": "enum",
        "name": "SettledState",
        "symbols": [
          "REPLAYED",
          "DISCARDED"
        ]
      },
      "doc": "What has become of it."
    },
    {
      "name": "settled_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When, epoch milliseconds UTC."
    },
    {
      "name": "settled_by",
      "type": "string",
      "doc": "Who did it."
    },
    {
      "name": "reason",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Why it was discarded; null when it was replayed."
    },
    {
      "name": "replayed_as",
      "type": [
        "null",
        {
          "type": "record",
          "name": "ReplayedRecord",
          "doc": "The copy of a record that was sent for a replay.",
          "fields": [
            {
              "name": "topic",
              "type": "string",
              "doc": "Topic."
            },
            {
              "name": "partition",
              "type": "int",
              "doc": "Partition."
            },
            {
              "name": "offset",
              "type": "long",
              "doc": "Offset."
            },
            {
              "name": "attempts_before",
              "type": "int",
              "doc": "How often the record had been tried when the copy was sent."
            }
          ]
        }
      ],
      "default": null,
      "doc": "The record that the replay wrote; null when it was discarded."
    }
  ]
}

/** A header of the original record. */
export interface DeadLetterHeader {
  /** Name of the header. */
  readonly key: string
  /** Value of the header; null when it had none. */
  readonly value: Uint8Array | null
}

/** A record that could not be processed: its original bytes and coordinates, and what went wrong. */
export interface DeadLetter {
  /** Topic of the original record. */
  readonly topic: string
  /** Partition of the original record. */
  readonly partition: number
  /** Offset of the original record. */
  readonly offset: number
  /** Timestamp of the original record, epoch milliseconds UTC. */
  readonly timestamp: number
  /** Key of the original record, byte for byte; null when it had none. */
  readonly key: Uint8Array | null
  /** Value of the original record, byte for byte; null when it had none. */
  readonly value: Uint8Array | null
  /** Headers of the original record, in their order. */
  readonly headers: readonly DeadLetterHeader[]
  /** Topology that failed on the record. */
  readonly topology: string
  /** Sub-topology that failed on the record. */
  readonly sub_topology: string
  /** Operator, source or sink that failed on the record. */
  readonly operator: string
  /** Stable error code, the engine's or the application's own. */
  readonly code: string
  /** What went wrong, for people. */
  readonly message: string
  /** When it went wrong, epoch milliseconds UTC. */
  readonly failed_time: number
  /** Counts the attempts to process the record; 1 is the first, each replay adds one. */
  readonly attempt: number
}

/** The Avro schema of {@link DeadLetter}. */
export const deadLetterSchema: AvroSchema<DeadLetter> = {
  "type": "record",
  "name": "DeadLetter",
  "namespace": "orderstreams.engine",
  "doc": "A record that could not be processed: its original bytes and coordinates, and what went wrong.",
  "fields": [
    {
      "name": "topic",
      "type": "string",
      "doc": "Topic of the original record."
    },
    {
      "name": "partition",
      "type": "int",
      "doc": "Partition of the original record."
    },
    {
      "name": "offset",
      "type": "long",
      "doc": "Offset of the original record."
    },
    {
      "name": "timestamp",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "Timestamp of the original record, epoch milliseconds UTC."
    },
    {
      "name": "key",
      "type": [
        "null",
        "bytes"
      ],
      "default": null,
      "doc": "Key of the original record, byte for byte; null when it had none."
    },
    {
      "name": "value",
      "type": [
        "null",
        "bytes"
      ],
      "default": null,
      "doc": "Value of the original record, byte for byte; null when it had none."
    },
    {
      "name": "headers",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "DeadLetterHeader",
          "doc": "A header of the original record.",
          "fields": [
            {
              "name": "key",
              "type": "string",
              "doc": "Name of the header."
            },
            {
              "name": "value",
              "type": [
                "null",
                "bytes"
              ],
              "default": null,
              "doc": "Value of the header; null when it had none."
            }
          ]
        }
      },
      "doc": "Headers of the original record, in their order."
    },
    {
      "name": "topology",
      "type": "string",
      "doc": "Topology that failed on the record."
    },
    {
      "name": "sub_topology",
      "type": "string",
      "doc": "Sub-topology that failed on the record."
    },
    {
      "name": "operator",
      "type": "string",
      "doc": "Operator, source or sink that failed on the record."
    },
    {
      "name": "code",
      "type": "string",
      "doc": "Stable error code, the engine's or the application's own."
    },
    {
      "name": "message",
      "type": "string",
      "doc": "What went wrong, for people."
    },
    {
      "name": "failed_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When it went wrong, epoch milliseconds UTC."
    },
    {
      "name": "attempt",
      "type": "int",
      "doc": "Counts the attempts to process the record; 1 is the first, each replay adds one."
    }
  ]
}

/** The symbols of {@link StageCommandKind}, in the order of the schema. */
export const stageCommandKindSymbols = [
  'RUN',
  'PAUSE',
  'DRAIN',
  'LIMIT',
] as const

/** What is commanded: it runs on, takes no records but those of steps, takes what is there now and then no more, or takes so many a second. */
export type StageCommandKind = (typeof stageCommandKindSymbols)[number]

/** Steps of one task. */
export interface TaskSteps {
  /** Task. */
  readonly task: string
  /** Records that it may let through beside those of all tasks. */
  readonly records: number
}

/** What is commanded for a stage of a topology; the key of the record is the stage, and whether its flow or its rate is meant. */
export interface StageCommand {
  /** Sub-topology that it is for; null for all of the topology. */
  readonly sub_topology: string | null
  /** Operator that it is for; null for all of the sub-topology. */
  readonly operator: string | null
  /** What is commanded. */
  readonly kind: StageCommandKind
  /** Why, for people to read. */
  readonly reason: string
  /** Who commanded it. */
  readonly commanded_by: string
  /** When it was commanded, epoch milliseconds UTC. */
  readonly commanded_time: number
  /** When it ends by itself, epoch milliseconds UTC; null when it is to be taken back. */
  readonly until: number | null
  /** Names a pause or a drain: steps belong to one of them, and tasks count what they have used of it. */
  readonly hold: string
  /** Records that each task may let through since the stage was paused. */
  readonly step_total: number
  /** Steps of single tasks, which come on top of step_total. */
  readonly task_steps: readonly TaskSteps[]
  /** Most records a second that the stage takes; 0 for no limit. */
  readonly records_per_second: number
  /** For a drain: where the inputs end that the stage does not write itself. */
  readonly drain_to: readonly PartitionPosition[]
}

/** The Avro schema of {@link StageCommand}. */
export const stageCommandSchema: AvroSchema<StageCommand> = {
  "type": "record",
  "name": "StageCommand",
  "namespace": "orderstreams.engine",
  "doc": "What is commanded for a stage of a topology; the key of the record is the stage, and whether its flow or its rate is meant.",
  "fields": [
    {
      "name": "sub_topology",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Sub-topology that it is for; null for all of the topology."
    },
    {
      "name": "operator",
      "type": [
        "null",
        "string"
      ],
      "default": null,
      "doc": "Operator that it is for; null for all of the sub-topology."
    },
    {
      "name": "kind",
      "type": {
        "type": "enum",
        "name": "StageCommandKind",
        "doc": "What is commanded: it runs on, takes no records but those of steps, takes what is there now and then no more, or takes so many a second.",
        "symbols": [
          "RUN",
          "PAUSE",
          "DRAIN",
          "LIMIT"
        ]
      },
      "doc": "What is commanded."
    },
    {
      "name": "reason",
      "type": "string",
      "doc": "Why, for people to read."
    },
    {
      "name": "commanded_by",
      "type": "string",
      "doc": "Who commanded it."
    },
    {
      "name": "commanded_time",
      "type": {
        "type": "long",
        "logicalType": "timestamp-millis"
      },
      "doc": "When it was commanded, epoch milliseconds UTC."
    },
    {
      "name": "until",
      "type": [
        "null",
        {
          "type": "long",
          "logicalType": "timestamp-millis"
        }
      ],
      "default": null,
      "doc": "When it ends by itself, epoch milliseconds UTC; null when it is to be taken back."
    },
    {
      "name": "hold",
      "type": "string",
      "default": "",
      "doc": "Names a pause or a drain: steps belong to one of them, and tasks count what they have used of it."
    },
    {
      "name": "step_total",
      "type": "long",
      "default": 0,
      "doc": "Records that each task may let through since the stage was paused."
    },
    {
      "name": "task_steps",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "TaskSteps",
          "doc": "Steps of one task.",
          "fields": [
            {
              "name": "task",
              "type": "string",
              "doc": "Task."
            },
            {
              "name": "records",
              "type": "long",
              "doc": "Records that it may let through beside those of all tasks."
            }
          ]
        }
      },
      "default": [],
      "doc": "Steps of single tasks, which come on top of step_total."
    },
    {
      "name": "records_per_second",
      "type": "double",
      "default": 0,
      "doc": "Most records a second that the stage takes; 0 for no limit."
    },
    {
      "name": "drain_to",
      "type": {
        "type": "array",
        "items": {
          "type": "record",
          "name": "PartitionPosition",
          "doc": "A position in a partition.",
          "fields": [
            {
              "name": "topic",
              "type": "string",
              "doc": "Topic."
            },
            {
              "name": "partition",
              "type": "int",
              "doc": "Partition."
            },
            {
              "name": "offset",
              "type": "long",
              "doc": "Offset of the next record."
            }
          ]
        }
      },
      "default": [],
      "doc": "For a drain: where the inputs end that the stage does not write itself."
    }
  ]
}
