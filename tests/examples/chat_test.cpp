// SPDX-License-Identifier: BSL-1.0
// The example chat: members hear one another, and nobody waits for who is slow.
#include <doctest/doctest.h>

#include <cstddef>
#include <string>

#include "examples/clients.hpp"
#include "examples/programs.hpp"
#include "support/skip.hpp"

using namespace weft_tests;

TEST_CASE("chat: three members hear one another come, talk and go") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child chat(program("chat").string());
  as_client([&] {
    guest ann(chat, "ann");
    guest bob(chat, "bob");
    CHECK(ann.hears() == "* bob joins");
    {
      guest cleo(chat, "cleo");
      for (guest* one : {&ann, &bob}) CHECK(one->hears() == "* cleo joins");
      ann.says("hello");
      for (guest* one : {&bob, &cleo}) CHECK(one->hears() == "ann: hello");
      cleo.says("nice");
      for (guest* one : {&ann, &bob}) CHECK(one->hears() == "cleo: nice");
      cleo.connection().write_all("bye, without an end of the line");
    }
    for (guest* one : {&ann, &bob}) {
      CHECK(one->hears() == "cleo: bye, without an end of the line");
      CHECK(one->hears() == "* cleo leaves");
    }
    break_off(bob.connection());
    CHECK(ann.hears() == "* bob leaves");
  });
}

TEST_CASE("chat: lines end as telnet ends them, too, and one that is too long comes in pieces") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child chat(program("chat").string());
  as_client([&] {
    guest ann(chat, "ann");
    guest bob(chat, "bob");
    bob.says("by telnet\r");
    bob.says(std::string(1000, 'x'));
    bob.says(std::string(2500, 'y'));
    CHECK(ann.hears() == "* bob joins");
    CHECK(ann.hears() == "bob: by telnet");
    CHECK(ann.hears() == "bob: " + std::string(1000, 'x'));
    for (const std::size_t piece : {1000u, 1000u, 500u}) {
      CHECK(ann.hears() == "bob: " + std::string(piece, 'y'));
    }
  });
}

TEST_CASE("chat: a nickname is there once, and not empty") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child chat(program("chat").string());
  as_client([&] {
    guest ann(chat, "ann");
    for (const char* taken : {"ann\n", "\n"}) {
      weft::tcp_stream second = connected_to(chat);
      second.write_all(taken);
      CHECK(read_to_the_end(second) == "* your nickname?\n* that nickname is taken, or empty\n");
    }
  });
}

TEST_CASE("chat: nc takes part") {
  if (!are_built()) WEFT_SKIP(not_built);
  if (!has_netcat()) WEFT_SKIP(no_netcat);
  server_child chat(program("chat").string());
  as_client([&] {
    guest ann(chat, "ann");
    const child_end end = through_netcat(chat.port(), "bob\nhello\n");
    CHECK(end.status == 0);
    CHECK(end.output == "* your nickname?\n* welcome, bob\n");
    CHECK(ann.hears() == "* bob joins");
    CHECK(ann.hears() == "bob: hello");
    CHECK(ann.hears() == "* bob leaves");
  });
}

TEST_CASE("chat: who talks fast is heard by those who listen, every line of it") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child chat(program("chat").string());
  as_client([&] {
    guest ann(chat, "ann");
    guest bob(chat, "bob");
    CHECK(ann.hears() == "* bob joins");
    // Many times what the room queues for a member, and less than the kernel does.
    std::string all;
    for (int i = 0; i < 2000; ++i) all += std::to_string(i) + "\n";
    ann.connection().write_all(all);
    int heard = 0;
    while (heard < 2000 && bob.hears() == "ann: " + std::to_string(heard)) ++heard;
    CHECK(heard == 2000);
  });
}

TEST_CASE("chat: who never reads is sent away with a notice, and the others miss nothing") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child chat(program("chat").string());
  as_client([&] {
    guest ann(chat, "ann");
    guest bob(chat, "bob");
    guest mute(chat, "mute");
    CHECK(ann.hears() == "* bob joins");
    for (guest* one : {&ann, &bob}) CHECK(one->hears() == "* mute joins");
    // A few lines at a time, so that bob, who reads them, is never behind by a whole queue.
    const std::string line(900, '.');
    std::string heard;
    for (int batch = 0; heard != "* mute is too slow" && batch < 1000; ++batch) {
      for (int i = 0; i < 50; ++i) ann.says(line);
      for (int i = 0; i < 50 && heard != "* mute is too slow"; ++i) {
        heard = bob.hears();
        REQUIRE((heard == "ann: " + line || heard == "* mute is too slow"));
      }
    }
    CHECK(heard == "* mute is too slow");
    CHECK(ann.hears() == "* mute is too slow");
    // It has some seconds to fetch what was queued.
    std::string last;
    for (std::string next = mute.hears(); next != "(the end)"; next = mute.hears()) last = next;
    CHECK(last == "* you are too slow: some lines are lost");
  });
  CHECK(chat.end_by(SIGTERM).status == 0);
}
