/* SPDX-License-Identifier: BSL-1.0
 * C99, as a user writes it; driven by c_interface_test.cpp. Each function returns 0, or the line
 * where something was not as promised. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "task/c_interface_program.h"
#include "weft/weft.h"

#define EXPECT(condition) \
  do {                    \
    if (!(condition)) return __LINE__; \
  } while (0)

static const int64_t ms = 1000000;

static void* add_one(void* argument) {
  weft_yield();
  return (char*)argument + 1;
}

static void* sleep_long(void* argument) {
  *(int*)argument = weft_sleep(3600 * 1000 * ms);
  if (weft_yield() != -ECANCELED) *(int*)argument = 1;
  return argument;
}

static void* never_runs(void* argument) {
  *(int*)argument = 1;
  return NULL;
}

static int run_tasks(void* unused) {
  char text[2] = "a";
  void* result = NULL;
  weft_task* task = NULL;
  weft_spawn_options named;
  (void)unused;
  memset(&named, 0, sizeof named);
  named.name = "adder";
  EXPECT(weft_in_fiber() == 1);
  EXPECT(weft_spawn(&task, &named, add_one, text) == 0);
  EXPECT(weft_is_done(task) == 0);
  EXPECT(weft_join(task, &result) == 0);
  EXPECT(result == text + 1);
  EXPECT(weft_spawn(&task, NULL, add_one, text) == 0);
  EXPECT(weft_detach(task) == 0);
  return 0;
}

static int run_cancel(void* unused) {
  int status = 0;
  int ran = 0;
  weft_task* task = NULL;
  weft_task* fresh = NULL;
  (void)unused;
  EXPECT(weft_spawn(&task, NULL, sleep_long, &status) == 0);
  EXPECT(weft_yield() == 0);
  EXPECT(weft_cancel(task, "enough") == 1);
  EXPECT(weft_join(task, NULL) == 0);
  EXPECT(status == -ECANCELED);
  EXPECT(weft_spawn(&fresh, NULL, never_runs, &ran) == 0);
  EXPECT(weft_cancel(fresh, NULL) == 1);
  EXPECT(weft_join(fresh, NULL) == -ESRCH);
  EXPECT(ran == 0);
  return 0;
}

/* A comparator below qsort: an exception could not pass, a number can. */
static int compare_slowly(const void* a, const void* b) {
  if (weft_sleep(10 * ms) == -ECANCELED) return 0;
  return *(const int*)a - *(const int*)b;
}

static int sort_slowly(void* numbers) {
  qsort(numbers, 100, sizeof(int), compare_slowly);
  return weft_checkpoint();
}

static int quick(void* unused) {
  (void)unused;
  return 7;
}

static int run_timeout(void* unused) {
  int numbers[100];
  int result = 0;
  int i = 0;
  const int64_t start = weft_now();
  (void)unused;
  for (i = 0; i < 100; ++i) numbers[i] = 100 - i;
  EXPECT(weft_with_timeout(35 * ms, sort_slowly, numbers, &result) == -ETIMEDOUT);
  EXPECT(result == -ECANCELED);
  EXPECT(weft_now() - start == 35 * ms);
  EXPECT(weft_checkpoint() == 0);
  EXPECT(weft_with_timeout(1000 * ms, quick, NULL, &result) == 0);
  EXPECT(result == 7);
  return 0;
}

static void* write_later(void* descriptor) {
  weft_sleep(5 * ms);
  if (write(*(int*)descriptor, "x", 1) != 1) return NULL;
  return descriptor;
}

static int run_descriptors(void* unused) {
  int ends[2];
  weft_task* writer = NULL;
  char byte = 0;
  (void)unused;
  EXPECT(pipe(ends) == 0);
  EXPECT(weft_wait_fd(ends[1], POLLOUT, -1) == POLLOUT);
  EXPECT(weft_wait_fd(ends[0], POLLIN, 1 * ms) == -ETIMEDOUT);
  EXPECT(weft_spawn(&writer, NULL, write_later, &ends[1]) == 0);
  EXPECT(weft_wait_fd(ends[0], POLLIN, -1) == POLLIN);
  EXPECT(read(ends[0], &byte, 1) == 1);
  EXPECT(weft_join(writer, NULL) == 0);
  close(ends[1]);
  EXPECT((weft_wait_fd(ends[0], POLLIN, -1) & POLLHUP) != 0);
  close(ends[0]);
  EXPECT(weft_wait_fd(ends[0], POLLIN, -1) == -EBADF);
  return 0;
}

static int run_misuse(void* unused) {
  weft_task* task = NULL;
  (void)unused;
  EXPECT(weft_spawn(NULL, NULL, add_one, NULL) == -EINVAL);
  EXPECT(weft_spawn(&task, NULL, NULL, NULL) == -EINVAL);
  EXPECT(strstr(weft_last_error(), "no function") != NULL);
  EXPECT(weft_join(NULL, NULL) == -EINVAL);
  EXPECT(weft_run(NULL, quick, NULL, NULL) == -EPERM);
  EXPECT(strstr(weft_last_error(), "inside a running loop") != NULL);
  EXPECT(weft_yield() == 0);
  EXPECT(weft_last_error()[0] == '\0');
  return 0;
}

const struct c_case c_cases[] = {
    {"tasks", run_tasks},         {"cancel", run_cancel}, {"timeout", run_timeout},
    {"descriptors", run_descriptors}, {"misuse", run_misuse}, {NULL, NULL},
};
