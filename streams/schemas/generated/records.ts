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
