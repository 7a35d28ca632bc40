/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/listen/sender.c: numbers for what foreign senders send, who number nothing that lasts.
 * A sender has one epoch for as long as this collector runs, over all its connections; its blocks
 * are numbered in the order in which they come. What it sends again after a cut comes under new
 * numbers: foreign senders are at least once. */
#include "collector/listen/impl.h"

#include <stdlib.h>

#include "common/base/hash.h"

struct sender {
	char key[IDENTITY_TENANT_MAX + IDENTITY_AGENT_MAX + 2]; /* "tenant:agent" */
	uint64_t epoch, next_block, next_seq;
	uint64_t floor; /* all blocks below are settled */
	unsigned unsettled;
	UT_hash_handle hh;
};

static struct sender *sender_find(struct listen *ls, const struct identity *id)
{
	char key[sizeof(((struct sender *)0)->key)] = "";
	struct sender *sd;

	stpcpy(stpcpy(stpcpy(key, id->tenant), ":"), id->agent);
	HASH_FIND_STR(ls->senders, key, sd);
	if (sd != NULL)
		return sd;
	sd = calloc(1, sizeof(*sd));
	if (sd == NULL)
		return NULL;
	strcpy(sd->key, key);
	random_bytes(&sd->epoch, sizeof(sd->epoch));
	sd->next_block = sd->next_seq = 1;
	HASH_ADD_STR(ls->senders, key, sd);
	if (sd->hh.tbl == NULL) { /* uthash found no memory */
		free(sd);
		return NULL;
	}
	return sd;
}

int sender_number(struct listen *ls, const struct identity *id, uint32_t events,
		  struct sender **ret, struct sender_block *ret_block, struct err *err)
{
	struct sender *sd;

	pthread_mutex_lock(&ls->lock);
	sd = sender_find(ls, id);
	if (sd != NULL) {
		if (sd->unsettled++ == 0)
			sd->floor = sd->next_block;
		*ret_block =
			(struct sender_block){ sd->epoch, sd->next_block, sd->floor, sd->next_seq };
		sd->next_block++;
		sd->next_seq += events;
		*ret = sd;
	}
	pthread_mutex_unlock(&ls->lock);
	return sd != NULL ? 0 : err_nomem(err);
}

void sender_settled(struct listen *ls, struct sender *sd)
{
	pthread_mutex_lock(&ls->lock);
	sd->unsettled--;
	pthread_mutex_unlock(&ls->lock);
}

void senders_free(struct listen *ls)
{
	struct sender *sd, *tmp;

	HASH_ITER (hh, ls->senders, sd, tmp) {
		HASH_DEL(ls->senders, sd);
		free(sd);
	}
}
