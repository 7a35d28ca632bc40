/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/queue/beat.h: events of a Beat (Filebeat, Winlogbeat) are ECS as they stand, but for
 * "@metadata", which speaks of the transport. Blocks of such events are stored as they came; who
 * reads them sees blanks in its place. */
#ifndef VARTIO_QUEUE_BEAT_H
#define VARTIO_QUEUE_BEAT_H

#include "common/base/slice.h"

/* Blanks out "@metadata" where Beats write it: behind an "@timestamp" that comes first. All else
 * stays where it was, byte for byte. false: the event does not begin so, or has an "@metadata"
 * elsewhere; nothing is changed. Any bytes; that they are JSON is for others to check. */
bool beat_blank(char *json, size_t n);
/* The same for each of `J` frames that were found so before. */
void beat_blank_frames(char *frames, size_t n);

#endif
