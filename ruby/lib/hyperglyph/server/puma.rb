# frozen_string_literal: true

require "delegate"
require "puma"
require "puma/server"
require "socket"
require_relative "../server"
require_relative "framing"

module Hyperglyph
  module Server
    # Puma in this process, for one App, with a guard in front of its parser.
    #
    #     server = Hyperglyph::Server::PumaServer.new(router, host: "127.0.0.1", port: 8000)
    #     server.start
    #     sleep
    #
    # Puma alone lets through what the standard has a server refuse (README-server.md lists it). The guard looks at the
    # octets of each connection before Puma reads them, and answers what is wrong itself.
    class PumaServer
      attr_reader :port

      # port 0: a free one. threads: the most calls at a time. options: more of Puma's own.
      def initialize(router, host: "127.0.0.1", port: 0, threads: 16, **options)
        @host = host
        @router = router
        loopback = Addrinfo.tcp(host, port).then { |address| address.ipv4_loopback? || address.ipv6_loopback? }
        @app = router.app(loopback: loopback)
        @puma = ::Puma::Server.new(@app, events, { min_threads: 0, max_threads: threads, **quiet,
                                                   lowlevel_error_handler: method(:failed), **options })
        @puma.add_tcp_listener(host, port)
        @port = @puma.binder.ios.first.addr[1]
        @puma.binder.ios.map! { |listener| Listener.new(listener, @app, router) }
      end

      # Where the service is.
      def url
        "http://#{@host.include?(':') ? "[#{@host}]" : @host}:#{@port}/"
      end

      # Listens, in threads of its own.
      def start
        @puma.run
        self
      end

      # Waits for the calls that go on, and ends.
      def stop
        @puma.stop(true)
      end

      private

      # What is worth a line is told to the router's logger. Puma 5 has its log among its events, Puma 6 beside them.
      def events
        defined?(::Puma::LogWriter) ? ::Puma::Events.new : ::Puma::Events.null
      end

      def quiet
        defined?(::Puma::LogWriter) ? { log_writer: ::Puma::LogWriter.null } : {}
      end

      # What Puma could not read is its sender's fault; anything else here would be ours.
      def failed(error, _env, status = 500)
        if error.is_a?(::Puma::HttpParserError)
          @router.logger.info { Server.shown(error.message) }
          return @app.refused(Refusal.new(400, "the request cannot be read"))
        end
        @router.logger.error { "#{error.class}: #{Server.shown(error.message)}\n  #{error.backtrace.to_a.first(30).join("\n  ")}" }
        @app.refused(Refusal.new(status, "internal error"))
      end

      # Puma's listener, whose connections are guarded.
      class Listener < SimpleDelegator
        def initialize(listener, app, router)
          super(listener)
          @app = app
          @router = router
        end

        def accept_nonblock
          Connection.new(__getobj__.accept_nonblock, @app, @router)
        end

        def to_io
          __getobj__
        end
      end

      # A connection as Puma reads and writes it.
      class Connection < SimpleDelegator
        # What Puma answers by itself: a status, and nothing else.
        BARE = %r{\AHTTP/1\.1 ([45]\d\d)[^\r\n]*\r\n\r\n\z}.freeze
        # Octets that are thrown away before the connection is closed, so that the answer is not lost by a reset.
        DRAINED = 4 << 20

        def initialize(socket, app, router)
          super(socket)
          @app = app
          @framing = Framing.new(max_body: router.max_body, max_url: Request::MAX_URL)
        end

        def to_io
          __getobj__
        end

        # Octets of one message at most: what follows stays in the socket until Puma has answered. Looked at before
        # they are taken, since Puma waits for the socket, and could not know of what is kept here.
        def read_nonblock(most, *)
          octets = __getobj__.recv_nonblock(most, Socket::MSG_PEEK)
          raise EOFError if octets.nil? || octets.empty?

          taken, passed = @framing.take(octets)
          __getobj__.read_nonblock(taken)
          passed.empty? ? raise(IO::EAGAINWaitReadable) : passed
        rescue Refusal => refusal
          answer(refusal)
          drain
          raise EOFError
        end

        def <<(text)
          status = BARE.match(text)&.[](1)
          status ? answer(Refusal.new(status.to_i, "the request cannot be read, or took too long")) : __getobj__ << text
          self
        end

        private

        def answer(refusal)
          status, headers, body = @app.refused(refusal)
          lines = headers.map { |name, value| "#{name}: #{value}\r\n" }.join
          __getobj__.write_nonblock("HTTP/1.1 #{status} #{::Puma::HTTP_STATUS_CODES[status]}\r\n" \
                                    "#{lines}connection: close\r\n\r\n#{body.join}")
          __getobj__.close_write
        rescue IOError, SystemCallError
          nil
        end

        def drain
          left = DRAINED
          while left.positive?
            octets = __getobj__.read_nonblock(65_536, exception: false)
            break unless octets.is_a?(String)

            left -= octets.bytesize
          end
        rescue IOError, SystemCallError
          nil
        end
      end
    end
  end
end
