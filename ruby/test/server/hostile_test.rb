# frozen_string_literal: true

require_relative "helper"
require_relative "../../testee/service"

# Requests that were damaged at random: each is answered, none of them by a failure of the server itself.
class TestHostile < Minitest::Test
  include Served

  TIMES = Integer(ENV.fetch("MUTATIONS", "2000"))
  PIECES = ["%", "%00", "\r\n", "\0", "\xff", ";", "L", "X", "u9:", "*", ",", "\"", "W/\"", "..", "/", "9" * 40, "chunked", "gzip", "-", ""].freeze
  # Functions of the service that may fail, or last, whatever is sent to them.
  LEFT_OUT = %r{/(?:fail|sleep|crashed|add|refuse|search|listing|documents|count|broken|ended|download|link_of|concat)\b}n.freeze

  def service(log)
    router = Service.router(secret: SECRET, logger: Logger.new(log), max_body: 100_000)
    # As strangers send them: a call that takes anything.
    router.add(->(a, b = nil, *_rest, c: 1) { [a, b, c] }, name: "any")
    router.add(->(a = nil) { a }, name: "safe_any", safe: true)
  end

  def mutated(text, random)
    text = text.b
    random.rand(1..3).times do
      place = random.rand(text.bytesize + 1)
      case random.rand(4)
      when 0 then text.setbyte(place % text.bytesize, random.rand(256)) unless text.empty?
      when 1 then text[place, 0] = PIECES.sample(random: random).b
      when 2 then text[place, random.rand(1..4)] = "" unless text.empty?
      else text[place, 0] = text[random.rand(text.bytesize + 1), random.rand(20)].to_s
      end
    end
    text
  end

  def environments
    counter = "/Counter/#{Hyperglyph::Server::References.new(SECRET).sign('Counter', { 'start' => 3 })}/"
    body = Hyperglyph.dump(Hyperglyph::OrderedHash["a", [1, "ä", { "x" => 1.5 }], "c", nil])
    post = { "REQUEST_METHOD" => "POST", "CONTENT_TYPE" => TYPE, "HTTP_METHOD" => "POST", "HTTP_HYPERGLYPH_TIMEOUT" => "30",
             "HTTP_ORIGIN" => "http://localhost", "HTTP_SEC_FETCH_SITE" => "none" }
    get = { "REQUEST_METHOD" => "GET", "HTTP_ACCEPT" => "#{TYPE};partial=1, #{TYPE}-seq;q=0.5, text/*", "HTTP_ACCEPT_ENCODING" => "gzip;q=1",
            "HTTP_IF_NONE_MATCH" => "\"abc\", W/\"def\"", "HTTP_IF_MODIFIED_SINCE" => "Sun, 01 Jan 2012 00:00:00 GMT" }
    [
      [post.merge("PATH_INFO" => "/any"), body], [post.merge("PATH_INFO" => "/any", "HTTP_CONTENT_ENCODING" => "gzip"), Zlib.gzip(body)],
      [post.merge("PATH_INFO" => "/upload", "HTTP_CONTENT_DISPOSITION" => "form-data; name=\"file\"; name*=UTF-8''file"), "abc"],
      [post.merge("PATH_INFO" => "/send"), "Ou4:file;B0:Du12:content-type;u3:a/b;;;;c0:3:abc;c0;"],
      [get.merge("PATH_INFO" => "/"), ""], [get.merge("PATH_INFO" => "/today", "HTTP_IF_UNMODIFIED_SINCE" => "Sun, 01 Jan 2012 00:00:00 GMT"), ""],
      [get.merge("PATH_INFO" => "/safe_any", "QUERY_STRING" => "Ou1%3Aa%3BLi1%3Bu1%3A+%3B%3B%3B"), ""],
      [get.merge("PATH_INFO" => counter), ""], [get.merge("PATH_INFO" => "#{counter}double", "HTTP_RANGE" => "bytes=0-1"), ""],
      [post.merge("REQUEST_METHOD" => "PUT", "PATH_INFO" => counter, "HTTP_IF_MATCH" => "\"abc\""), "O;"]
    ]
  end

  # The app by itself: heads and bodies that no server below has judged.
  def test_the_app
    log = StringIO.new
    app = service(log).app
    random = Random.new(1)
    statuses = Hash.new(0)
    TIMES.times do
      env, body = environments.sample(random: random)
      env = env.merge("HTTP_HOST" => "localhost", "SCRIPT_NAME" => "", "QUERY_STRING" => env["QUERY_STRING"].to_s)
      random.rand(3).times { |_| (name = env.keys.sample(random: random)) && env[name] = mutated(env[name], random) }
      body = mutated(body, random) if random.rand(2).zero?
      next if LEFT_OUT.match?(env["PATH_INFO"].b)

      env["rack.input"] = StringIO.new(body)
      status, headers, answer = app.call(env)
      octets = +"".b
      answer.each { |piece| octets << piece }
      statuses[status] += 1
      assert_includes [200, 204, 206, 303, 304, *400..431, 504], status, "#{env.inspect} #{body.inspect} #{log.string.lines.last(40).join}"
      headers.each { |name, value| assert_match(/\A[\x20-\x7e]*\z/, value, name) }
      assert_equal "error", Hyperglyph.load(octets).name if status >= 400 && env["REQUEST_METHOD"] != "HEAD"
    end
    assert_operator statuses.keys.size, :>=, 6, statuses.inspect
    assert_empty log.string.lines.grep(/ERROR/)
  end

  def heads
    ["GET / HTTP/1.1\r\nHost: localhost\r\nAccept: #{TYPE}\r\n\r\n",
     "POST /any HTTP/1.1\r\nHost: localhost\r\nContent-Type: #{TYPE}\r\nContent-Length: 10\r\n\r\nOu1:a;i1;;",
     "POST /any HTTP/1.1\r\nHost: localhost\r\nContent-Type: #{TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n" \
     "5;a=b\r\nOu1:a\r\n5\r\n;i1;;\r\n0\r\nX: y\r\n\r\n"]
  end

  # Through the guard and Puma, on the wire.
  def test_the_wire
    @log = StringIO.new
    @server = Hyperglyph::Server::PumaServer.new(service(@log), threads: 4).start
    random = Random.new(2)
    statuses = Hash.new(0)
    (TIMES / 10).times do
      octets = mutated(heads.sample(random: random), random)
      next if LEFT_OUT.match?(octets)

      statuses[first_status(octets)] += 1
    end
    assert_empty statuses.keys - [nil, 200, 204, 304, *400..431, 501], "#{statuses} #{@log.string}"
    assert_operator statuses[400], :>, 5
    assert_operator statuses[200], :>, 5
    assert_empty @log.string.lines.grep(/ERROR/)
    @origin = @server.url.chomp("/")
    assert_equal 200, get("/").status
  end

  # The status of the first answer; nil if none comes, since the request is not whole.
  def first_status(octets)
    socket = TCPSocket.new("127.0.0.1", @server.port)
    socket.write(octets)
    return unless socket.wait_readable(0.25)

    line = socket.gets
    assert_match(%r{\AHTTP/1\.[01] \d\d\d }, line) if line
    line && line[9, 3].to_i
  rescue Errno::ECONNRESET, Errno::EPIPE
    nil
  ensure
    socket&.close
  end
end
