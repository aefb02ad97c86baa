/* SPDX-License-Identifier: BSL-1.0
 * How other threads reach a loop, step by step as src/loop/inbox.cpp and sleep_in_kernel() of
 * src/loop/idle.cpp do it; spin looks at every order of these steps. inbox_model_test.cpp runs it:
 *
 *   spin -a inbox.pml && cc -O2 -DSAFETY -o pan pan.c && ./pan
 *
 * Promised: no message is lost or run twice, those of one thread run in their order, each is run or
 * refused, and a loop never sleeps for ever over one. The last shows as an invalid end state: the
 * loop waits for its eventfd, and everybody else has ended.
 *
 * What the loop stores to `sleeping` passes through a buffer, as it does in a processor: it reaches
 * memory at some time later. Only the sequential consistency of announce_sleep() waits for that.
 *
 * What each of these leaves out is needed, and the model fails without it:
 *   -DNO_FENCE    announce_sleep() is a plain store: the look at the head may come before it
 *   -DLATE_PUSH   push() reads `sleeping` before its message is in, as a release CAS would allow
 *   -DNO_RECHECK  the loop does not look at the head once more after it announced its sleep
 *   -DNO_RING     push() does not write the eventfd
 *   -DFORCE_CLOSE the inbox is closed without a look at what is in it
 */
#define THREADS 2
#define EACH 2                    /* messages of a thread */
#define ALL (THREADS * EACH)
#define EMPTY 0                   /* nullptr; messages are 1..ALL */
#define CLOSED 100                /* the marker */

byte head = EMPTY;                /* inbox::head_ */
byte next[ALL + 1];               /* inbox_node::next */
bool sleeping = false;            /* inbox::sleeping_, in memory */
byte eventfd = 0;                 /* its counter; one is as good as many */

bool is_buffered = false;         /* the loop's store to `sleeping` that is under way */
bool buffered = false;

byte received = 0;
byte refused = 0;
byte ran[THREADS];                /* how many of each thread */

/* The processor of the loop's thread. */
active proctype buffer() {
end:
  do
  :: atomic { is_buffered -> sleeping = buffered; is_buffered = false }
  od
}

inline store_sleeping(value) {
  atomic { !is_buffered -> buffered = value; is_buffered = true }
}

/* ---- any thread: inbox::push() */
proctype thread(byte me) {
  byte i = 0;
  byte message;
  byte seen;
  bool was_sleeping;
  bool is_in = false;
  do
  :: i < EACH ->
     message = 1 + me * EACH + i;
     seen = head;                                   /* relaxed */
#ifdef LATE_PUSH
     was_sleeping = sleeping;
#endif
     do
     :: seen == CLOSED -> refused++; break
     :: else ->
        next[message] = seen;
        atomic {                                    /* compare_exchange, seq_cst */
          if
          :: head == seen -> head = message; is_in = true
          :: else -> seen = head
          fi
        };
        if
        :: is_in -> is_in = false; break
        :: else                                     /* again, with what was seen */
        fi
     od;
     if
     :: seen == CLOSED -> skip
     :: else ->
#ifndef LATE_PUSH
        was_sleeping = sleeping;                    /* seq_cst */
#endif
        if
        :: was_sleeping ->
           atomic { was_sleeping = sleeping; sleeping = false };  /* exchange, relaxed */
#ifndef NO_RING
           if
           :: was_sleeping -> eventfd = 1           /* ring() */
           :: else
           fi
#endif
        :: else
        fi
     fi;
     i++
  :: else -> break
  od
}

/* ---- the loop's thread */
byte newest;
byte oldest;
byte older;

/* inbox::drain(): one exchange, then turned round and run, oldest first */
inline drain() {
  if
  :: head == EMPTY                                  /* the relaxed look */
  :: else ->
     atomic { newest = head; head = EMPTY };        /* exchange */
     d_step {                                       /* nobody else sees these any more */
       oldest = EMPTY;
       do
       :: newest != EMPTY ->
          older = next[newest];
          next[newest] = oldest;
          oldest = newest;
          newest = older
       :: else -> break
       od;
       do
       :: oldest != EMPTY ->
          assert((oldest - 1) % EACH == ran[(oldest - 1) / EACH]);  /* in order, once */
          ran[(oldest - 1) / EACH]++;
          received++;
          older = next[oldest];
          next[oldest] = EMPTY;
          oldest = older
       :: else -> break
       od
     }
  fi
}

/* sleep_in_kernel() */
inline sleep_in_kernel() {
  store_sleeping(true);                             /* announce_sleep() */
#ifndef NO_FENCE
  !is_buffered;                                     /* seq_cst: not on before it is in memory */
#endif
  if
#ifndef NO_RECHECK
  :: head != EMPTY -> skip                          /* has_mail(), seq_cst */
  :: head == EMPTY ->
#else
  :: true ->
#endif
     eventfd != 0;                                  /* epoll_pwait(), without a limit */
     eventfd = 0                                    /* read() */
  fi;
  store_sleeping(false)                             /* cancel_sleep(), relaxed */
}

init {
  byte t = 0;
  atomic {
    do
    :: t < THREADS -> run thread(t); t++
    :: else -> break
    od
  };
  do
  :: received == ALL -> break
  :: received < ALL ->
     drain();
     if
     :: received < ALL -> sleep_in_kernel()
     :: else
     fi
  :: true -> break                                  /* close(), at any time */
  od;
  /* loop::close() */
  do
  :: drain();
#ifdef FORCE_CLOSE
     head = CLOSED; break
#else
     atomic {                                       /* close_if_empty() */
       if
       :: head == EMPTY -> head = CLOSED; goto closed
       :: else
       fi
     }
#endif
  od;
closed:
  _nr_pr == 2;                                      /* the threads have ended */
  assert(received + refused == ALL)
}
