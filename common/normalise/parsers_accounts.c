/* SPDX-License-Identifier: EUPL-1.2 */
/* Accounts and groups: the programs of shadow, which log a line for each file they change; the line
 * that a person would call the event has the action, its companions (gshadow) have none. */
#include "common/normalise/parsers.h"

#define BOTH "%{user.target.name,user.name}" /* no actor is named: see docs/fields.md */
#define IAM(pat, act, out, typ)                                                                    \
	{                                                                                          \
		.pattern = pat, .action = act, .outcome = out, .category = "iam", .type = typ      \
	}
#define USER(pat, act)  IAM(pat, act, "success", "user change")
#define GROUP(pat, act) IAM(pat, act, "success", "group change")

static const struct match_rule rules[] = {
	IAM("new user: name=" BOTH ", UID=%{user.id:word}, GID=%{group.id:word}, "
	    "home=%{system.auth.useradd.home}, shell=%{system.auth.useradd.shell}<<, from=%{_}>>",
	    "added-user-account", "success", "user creation"),
	IAM("failed adding user '" BOTH "', %{event.reason}", "added-user-account", "failure",
	    "user creation"),
	IAM("delete user '" BOTH "'", "deleted-user-account", "success", "user deletion"),
	IAM("new group: name=%{group.name}, GID=%{group.id:word}", "added-group-account", "success",
	    "group creation"),
	IAM("removed group '%{group.name}' owned by '%{user.name}'", "deleted-group-account",
	    "success", "group deletion"),
	IAM("group '%{group.name}' removed", "deleted-group-account", "success", "group deletion"),
	GROUP("group changed in /etc/group (group %{group.name}/%{group.id:word}<<, new "
	      "%{event.reason}>>)",
	      "changed-group-account"),

	GROUP("add '" BOTH "' to group '%{group.name}'", "added-user-to-group"),
	GROUP("delete '" BOTH "' from group '%{group.name}'", "removed-user-from-group"),
	GROUP("user %{user.target.name} added by %{user.name} to group %{group.name}",
	      "added-user-to-group"),
	GROUP("user %{user.target.name} removed by %{user.name} from group %{group.name}",
	      "removed-user-from-group"),
	GROUP("add member %{user.target.name} to group %{group.name} by %{user.name}",
	      "added-user-to-group"),
	GROUP("remove member %{user.target.name} from group %{group.name} by %{user.name}",
	      "removed-user-from-group"),
	GROUP("members of group %{group.name} set by %{user.name} to %{event.reason}",
	      "changed-group-members"),
	GROUP("set members of %{group.name} to %{event.reason}", "changed-group-members"),

	USER("change user '" BOTH "' password", "changed-password"),
	USER("password for '%{user.target.name}' changed by '%{user.name}'", "changed-password"),
	USER("password for " BOTH " changed", "changed-password"),
	USER("lock user '" BOTH "' password", "locked-user-account"),
	USER("unlock user '" BOTH "' password", "unlocked-user-account"),
	USER("changed password expiry for " BOTH, "changed-password-expiry"),
	USER("change user name '%{user.name}' to '%{user.target.name}'", "changed-user-account"),
	USER("change user '" BOTH "' %{event.reason}", "changed-user-account"),
	USER("changed user '" BOTH "' %{event.reason}", "changed-user-account"),

	{ .pattern = "add '" BOTH "' to shadow group '%{group.name}'" },
	{ .pattern = "delete '" BOTH "' from shadow group '%{group.name}'" },
	{ .pattern = "removed shadow group '%{group.name}' owned by '%{user.name}'" },
	{ .pattern = "group added to %{file.path:word}: name=%{group.name}, GID=%{group.id:word}" },
	{ .pattern = "group added to %{file.path:word}: name=%{group.name}" },
	{ .pattern = "group '%{group.name}' removed from %{file.path}" },
	{ NULL },
};

const struct match_table parsers_accounts = {
	.name = "accounts",
	.programs = "useradd userdel usermod groupadd groupdel groupmod groupmems passwd chpasswd "
		    "gpasswd chage chfn chsh newusers",
	.module = "system",
	.dataset = "system.auth",
	.rules = rules,
};
