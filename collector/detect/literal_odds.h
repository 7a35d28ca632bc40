/* SPDX-License-Identifier: EUPL-1.2 */
/* collector/detect/literal_odds.h: how common a literal, or a byte of one, is in the texts of
 * events: a guess that only decides what is looked at first, never what matches. */
#ifndef VARTIO_DETECT_LITERAL_ODDS_H
#define VARTIO_DETECT_LITERAL_ODDS_H

#include "collector/detect/pattern.h"

/* How often a text of an event holds the literal, as a guess between 0 and 1: what is short, and
 * what paths and command lines are made of, is common. */
double literal_odds(struct slice text, enum shape shape);
bool literal_is_ascii(struct slice text);
/* How common a byte is in the texts of events, in 1/1000, and four bytes side by side: the more,
 * the more common. */
unsigned byte_weight(unsigned char c);
unsigned gram_weight(const char *four);

#endif
