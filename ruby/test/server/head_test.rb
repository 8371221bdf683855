# frozen_string_literal: true

require_relative "helper"
require "rack/lint"
require "rack/mock"

# What the head of a request may say, deadlines, and failures (sections 18.1, 18.2, 18.4 and 19.6).
class TestHead < Minitest::Test
  include Served

  class Unfinished < ScriptError; end

  def setup
    @count = 0
    @gate = Queue.new
    serve do |router|
      router.add(-> { @count += 1 }, name: "count")
      router.add(-> { @gate.pop }, name: "wait")
      router.add(-> { Hyperglyph::Server.remaining&.round }, name: "remaining")
      router.add(-> { Hyperglyph::Server.env["HTTP_X_WHO"] }, name: "who")
      router.add(->(how) { fail_by(how) }, name: "fail")
      router.add(->(status, code = nil, content = {}) { raise Hyperglyph::Failure.new(status, "declared", code: code, content: content) },
                 name: "refuse", defaults: { code: nil })
    end
  end

  def fail_by(how)
    case how
    when "script" then raise Unfinished, "secret /etc/passwd\nforged line"
    when "stack" then fail_by(how)
    when "exit" then exit(3)
    when "throw" then throw(:nothing)
    when "octets" then raise "secret \xff\r\nforged line"
    when "argument" then [].first(1, 2, 3)
    else Object.new
    end
  end

  def count(headers, status)
    before = @count
    answer = post("/count", headers: headers)
    assert_equal status, answer.status, headers
    assert_equal before + (status == 200 ? 1 : 0), @count, headers
    assert_error status, answer unless status == 200
  end

  def test_hosts
    port = @server.port
    { "127.0.0.1:#{port}" => 200, "127.0.0.1" => 200, "LOCALHOST:1" => 200, "[::1]:#{port}" => 200, "127.1.2.3" => 200,
      "evil.example" => 421, "10.0.0.1" => 421, "127.0.0.1.evil.example" => 421, "[::2]" => 421, "localhost." => 421,
      "2130706433" => 421, "127.1" => 421, "a@127.0.0.1" => 400, "127.0.0.1:x" => 400, "" => 400, "127.0.0.1, 127.0.0.1" => 400,
      "999.0.0.1" => 421, "[::1" => 400 }.each { |host, status| count({ "host" => host }, status) }
  end

  def test_hosts_that_were_told_and_those_of_a_public_server
    app = lambda do |**options|
      router = Hyperglyph::Router.new(secret: SECRET, logger: Logger.new(File::NULL), **options)
      ->(host) { Rack::MockRequest.new(router.app).get("/", "HTTP_HOST" => host).status }
    end
    told = app.call(hosts: ["Example.org"])
    assert_equal [200, 200, 421, 421], ["example.org", "EXAMPLE.org:8000", "127.0.0.1", "localhost"].map(&told)
    public_one = app.call
    assert_equal [200, 200, 200, 200, 421], ["10.1.2.3", "[2001:db8::1]:80", "localhost", Socket.gethostname, "evil.example"].map(&public_one)
  end

  def test_origins
    here = "127.0.0.1:#{@server.port}"
    { "http://#{here}" => 200, "HTTPS://#{here}" => 200, "null" => 403, "http://evil.example" => 403, "http://127.0.0.1" => 403,
      "http://#{here}.evil.example" => 403, "ftp://#{here}" => 403, "http://#{here}, http://#{here}" => 403, "" => 403,
      "http://#{here}/" => 403 }.each { |origin, status| count({ "origin" => origin }, status) }
    { "same-origin" => 200, "none" => 200, "same-site" => 403, "cross-site" => 403, "" => 403 }.each do |site, status|
      count({ "sec-fetch-site" => site }, status)
    end
    count({ "host" => "localhost", "origin" => "https://localhost" }, 200)
    count({ "host" => "localhost", "origin" => "https://localhost:80" }, 403)
    assert_equal 200, get("/", headers: { "origin" => "http://evil.example" }).status
  end

  def test_content_types
    { TYPE => 200, "APPLICATION/vnd.Hyperglyph ; a=\"b,c\"" => 200, "text/plain" => 415, "" => 415, "#{TYPE}, #{TYPE}" => 415,
      "#{TYPE}-seq" => 415, "text/plain; x=#{TYPE}" => 415, "#{TYPE}; a=b, text/plain" => 415 }.each do |type, status|
      count({ "content-type" => type }, status)
    end
  end

  def test_methods
    { "POST" => 200, "PUT" => 405, "DELETE" => 405, "GET" => 400, "put" => 400, "PUT, PUT" => 400, "" => 400 }.each do |name, status|
      count({ "method" => name }, status)
    end
    assert_error 400, get("/", headers: { "method" => "POST" })
    assert_equal 200, get("/", headers: { "method" => "GET" }).status
    %w[OPTIONS TRACE PROPFIND].each do |method|
      answer = ask(method, "/count", body: "")
      assert_error 405, answer
      assert_equal "POST", answer.headers["allow"]
      assert_equal "GET, HEAD", ask(method, "/", body: "").headers["allow"]
    end
  end

  def test_deadlines
    { "30" => 200, "29.123456789" => 200, "999999999" => 200, "0" => 504, "0.000" => 504, "-1" => 400, "+1" => 400, "" => 400,
      "1e9" => 400, "nan" => 400, "1,5" => 400, ".5" => 400, "5." => 400, "1234567890" => 400, "5, 5" => 400, "5s" => 400 }
      .each { |seconds, status| count({ "hyperglyph-timeout" => seconds }, status) }
    assert_equal 30, post("/remaining", headers: { "hyperglyph-timeout" => "30" }).value
    assert_equal 204, post("/remaining").status
    assert_equal "me", post("/who", headers: { "x-who" => "me", "hyperglyph-timeout" => "30" }).value
  end

  def test_a_call_whose_time_is_up
    started = Hyperglyph::HTTP::Deadline.now
    assert_error 504, post("/wait", headers: { "hyperglyph-timeout" => "0.2" })
    assert_includes 0.2..5, Hyperglyph::HTTP::Deadline.now - started
    @gate << 1
    deadline = Hyperglyph::HTTP::Deadline.now + 5
    sleep(0.01) until @gate.empty? || Hyperglyph::HTTP::Deadline.now > deadline
    assert @gate.empty?, "the call went on"
  end

  def test_calls_that_go_on_are_bounded
    calls = Hyperglyph::Server::Calls.new(2)
    request = Struct.new(:deadline, :env)
    run = ->(&block) { calls.within(request.new(Hyperglyph::HTTP::Deadline.new(0.05), {}), &block) }
    statuses = Array.new(3) do
      run.call { @gate.pop }
    rescue Hyperglyph::Failure => error
      error.status
    end
    assert_equal [504, 504, 503], statuses
    2.times { @gate << 1 }
    sleep(0.01) until Thread.list.none? { |thread| thread.status == "sleep" && thread.backtrace.to_a.join.include?("abandon") }
    assert_equal 7, run.call { 7 }
  end

  def test_what_fails_tells_nothing
    %w[script stack exit throw octets argument object].each do |how|
      answer = post("/fail", { "how" => how })
      assert_error 500, answer
      assert_equal "internal error", answer.message
      refute_match(/secret|passwd|ruby|\.rb/, answer.body + answer.headers.to_s)
      assert_includes @log.string, answer.value["logref"]
    end
    refute_match(/^forged line/, @log.string)
    assert_match(/head_test\.rb/, @log.string)
    assert_equal 1, post("/count").value
  end

  def test_what_is_declared
    answer = post("/refuse", { "status" => 409, "code" => "tired", "content" => { "again" => 3 } })
    assert_error 409, answer
    assert_equal ["declared", "tired", { "again" => 3 }], [answer.message, answer.value["code"], answer.value.content]
    assert_equal "1", post("/refuse", { "status" => 503 }).headers["retry-after"]
    assert_equal "Bearer", post("/refuse", { "status" => 401 }).headers["www-authenticate"]
    assert_raises(ArgumentError) { Hyperglyph::Failure.new(401, "x", challenge: "Basic\r\nx: y") }
    assert_raises(ArgumentError) { Hyperglyph::Failure.new(409, "x", content: [1]) }
    assert_error 500, post("/refuse", { "status" => 200 })
    assert_error 500, post("/refuse", { "status" => 409, "code" => 1.5 })
  end

  def test_urls
    assert_error 414, get("/#{'x' * 5_000}")
    assert_error 404, get("/#{'x' * 3_000}")
    ["/%", "/%4", "/%zz"].each { |path| assert_match(%r{\AHTTP/1.1 400}, raw("GET #{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")) }
    ["/%ff", "//", "/count/", "/./", "/../count"].each do |path|
      assert_match(%r{\AHTTP/1.1 404}, raw("GET #{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), path)
    end
  end

  # Header fields that are made to take long are read in time in proportion to their length.
  def test_long_fields
    fields = ["\"\\\"" * 20_000, "\"" * 40_001, "a,\"" * 15_000, "W/\"," * 15_000, "a;b=\"c\\" * 8_000, "*/*;q=0.1," * 6_000]
    app = Hyperglyph::Router.new(secret: SECRET, logger: Logger.new(File::NULL)).app
    names = %w[HTTP_ACCEPT HTTP_ACCEPT_ENCODING HTTP_IF_NONE_MATCH HTTP_IF_MATCH HTTP_RANGE HTTP_ORIGIN CONTENT_TYPE HTTP_HOST
               HTTP_CONTENT_DISPOSITION HTTP_CONTENT_ENCODING HTTP_HYPERGLYPH_TIMEOUT]
    fields.product(names, %w[GET POST]) do |field, name, method|
      started = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
      app.call({ "REQUEST_METHOD" => method, "PATH_INFO" => "/", "HTTP_HOST" => "localhost", name => field.b })
      Hyperglyph::HTTP::Headers.list(field)
      used = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID) - started
      assert_operator used, :<, 0.5, "#{name}: #{field[0, 20]}"
    end
  end

  def test_nothing_can_be_added_to_a_router_in_use
    router = Hyperglyph::Router.new(secret: SECRET).tap(&:app)
    assert_raises(FrozenError) { router.add(-> { 1 }, name: "late") }
    assert_raises(FrozenError) { router.add(TestHead::Empty) }
  end

  class Empty
    include Hyperglyph::Resource
  end

  # As Rack has it, for any server: the app never breaks the rules, and works below a path.
  def test_rack
    router = Hyperglyph::Router.new(secret: SECRET, logger: Logger.new(File::NULL))
    router.add(->(a) { a }, name: "same")
    router.add(-> { (1..3).each }, name: "items", safe: true)
    router.add(-> {}, name: "nothing", safe: true)
    rack = Rack::MockRequest.new(Rack::Lint.new(router.app))
    below = { "SCRIPT_NAME" => "/below", "HTTP_HOST" => "localhost", "HTTP_ACCEPT" => "#{TYPE}, #{TYPE}-seq", :lint => true }
    assert_equal "/below/", Hyperglyph.load(rack.get("/", below).body)["url"]
    assert_equal "i1;i2;i3;Xu3:end;D;N;;", rack.get("/items", below).body
    assert_equal [204, 304, 404, 405], [rack.get("/nothing", below).status,
                                        rack.get("/", below.merge("HTTP_IF_NONE_MATCH" => "*")).status,
                                        rack.get("/x", below).status, rack.post("/", below).status]
    assert_equal 200, rack.request("HEAD", "/", below).status
    assert_equal "i1;", rack.post("/same", below.merge("CONTENT_TYPE" => TYPE, :input => "Ou1:a;i1;;")).body
    assert_equal 400, router.app.call("REQUEST_METHOD" => "POST", "PATH_INFO" => "/same", "HTTP_HOST" => "localhost",
                                      "CONTENT_TYPE" => TYPE, "CONTENT_LENGTH" => "10").first
  end
end
